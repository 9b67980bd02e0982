"""What confines Terraform and the commands of a branch."""

import re
from datetime import timedelta
from itertools import permutations
from os.path import normpath
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema, field_validator

from envmgr.domain.values import cage as domain
from envmgr.domain.values.cage import CageLimits, CageRules, Reach

from .section import Section
from .values import AbsolutePath, Count, Flag, Named, Network, Period, Size

ENDPOINT_PATTERN = r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:([0-9]{1,5})"
_WORDS = ("public", "none", "open")
_SENTENCE = (
    "it must be public, none, open or a list of names with ports, such as "
    '{allow: ["*.amazonaws.com:443", "registry.terraform.io:443"]}'
)


def _is_endpoint(value: object) -> bool:
    found = re.fullmatch(ENDPOINT_PATTERN, value, re.ASCII) if isinstance(value, str) else None
    return found is not None and ".." not in found[0] and 0 < int(found[3]) <= 0xFFFF


def _network(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str) and value in _WORDS:
        return value
    if isinstance(value, dict) and value.keys() == {"allow"}:
        listed = value["allow"]
        if isinstance(listed, list) and all(map(_is_endpoint, listed)):
            return tuple(endpoint.lower() for endpoint in listed)
    raise ValueError(_SENTENCE)


NetworkReach = Annotated[
    str | tuple[str, ...],
    PlainValidator(_network),
    PlainSerializer(lambda value: value if isinstance(value, str) else {"allow": list(value)}),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [*_WORDS]},
                {
                    "type": "object",
                    "properties": {
                        "allow": {
                            "type": "array",
                            "items": {"type": "string", "pattern": f"^{ENDPOINT_PATTERN}$"},
                        }
                    },
                    "required": ["allow"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
    Named("public, none, open or a list"),
]
"""A word, or names with ports of which all others are refused."""


class Cage(Section):
    """What confines Terraform and the commands of a branch: build, deploy, test and health commands alike."""

    kind: Literal["none", "bwrap"] = Field(
        default="none",
        description="Bubblewrap, or nothing but limits and an environment of their own.",
        examples=["bwrap"],
    )
    network: NetworkReach = Field(
        default="public",
        description="What is reached from a cage of bubblewrap: public addresses by envmgr's proxy, nothing, all that "
        "the host reaches (open), or what a list allows.",
        examples=[{"allow": ["*.amazonaws.com:443", "registry.terraform.io:443"]}],
    )
    networks: tuple[Network, ...] = Field(
        default=(),
        description="Private networks that the proxy may lead to as well, for a registry or mirror of your own.",
        examples=[["10.20.0.0/16"]],
    )
    memory: Size | None = Field(
        default=None,
        description="Memory of a whole run, all its processes together, or, where the service has no control group, "
        "private memory of each process.",
        examples=["4GiB"],
    )
    cpu: Period | None = Field(
        default=None,
        description="Processor time of a whole run, or of each process without control groups.",
        examples=["30m"],
    )
    cores: Annotated[float, Field(gt=0, le=1024)] | None = Field(
        default=None,
        description="How many processors may work for a run at once. Needs control groups.",
        examples=[1.5],
    )
    processes: Count | None = Field(
        default=None,
        description="How many processes and threads a run may have together; without control groups each of its "
        "commands, and without bubblewrap too, envmgr's user.",
        examples=[2000],
    )
    disk: Size | None = Field(
        default=None,
        description="What a run may write: the largest file, and in a cage of bubblewrap all that its folders grow by.",
        examples=["2GB"],
    )
    time: Period | None = Field(
        default=None, description="How long the commands of a run may take.", examples=["2h"]
    )
    readable: tuple[AbsolutePath, ...] = Field(
        default=(),
        description="Further files and folders of the host that may be read from a cage of bubblewrap.",
        examples=[["/opt/node"]],
    )
    writable: tuple[AbsolutePath, ...] = Field(
        default=(),
        description="Folders of the host below which an environment may write to one of its own, "
        "`ORGANIZATION/REPOSITORY/ENVIRONMENT`, also from a cage of bubblewrap.",
        examples=[["/srv/www"]],
    )
    outlive: Flag = Field(
        default=False,
        description="Whether what a deploy step leaves running goes on after its end, in a cage of bubblewrap.",
        examples=[True],
    )

    @field_validator("writable")
    @classmethod
    def _apart(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        """Within one that it may write to an environment could put a link in the place of the other."""
        for inner, outer in permutations(map(normpath, paths), 2):
            if Path(inner).is_relative_to(outer):
                raise ValueError(f"{inner} is within {outer}: keep them apart")
        return paths

    def rules(self) -> CageRules:
        """As the core knows them."""
        return CageRules(
            kind=self.kind,
            network=self._network(),
            limits=CageLimits(
                memory=self.memory,
                cpu_seconds=_seconds(self.cpu),
                cores=self.cores,
                processes=self.processes,
                disk=self.disk,
                time=self.time,
            ),
            readable=self.readable,
            writable=self.writable,
            outlive=self.outlive,
        )

    def _network(self) -> domain.Network:
        if isinstance(self.network, str):
            return domain.Network(reach=Reach(self.network), networks=self.networks)
        return domain.Network(reach=Reach.LISTED, allow=self.network, networks=self.networks)


def _seconds(time: timedelta | None) -> int | None:
    return int(time.total_seconds()) if time is not None else None
