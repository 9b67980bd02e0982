"""What an application needs of others: their outputs, as Terraform's input variables."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from envmgr.config.sections.secrets import texts_in
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Claim, Environment
from envmgr.engine.context.organization import Access, Repository
from envmgr.engine.context.services import Services
from envmgr.engine.work.job import NothingDone
from envmgr.engine.work.lineage import of_its_own


@dataclass(frozen=True, slots=True)
class Given:
    """The outputs of what an application needs: those that may be written down, and where the hidden ones are.

    `needs` is as in `Claim`: each needed application with the serial of its state, 0 where it hides nothing,
    `met` the commits they have.
    """

    variables: Mapping[str, object]
    needs: Mapping[str, int]
    met: Mapping[str, str]


def given(services: Services, repository: Repository, environment: Environment) -> Given:
    """What the applications it needs have as outputs now.

    Raises NothingDone where one of them has nothing applied, NeedsPerson where two outputs give a variable of one name.
    """
    variables: dict[str, object] = {}
    needs: dict[str, int] = {}
    met: dict[str, str] = {}
    givers: dict[str, str] = {}
    for name in repository.needs:
        outputs = _outputs(services, environment, name)
        if outputs is None:
            raise NothingDone(
                f"{environment.label} needs {name}, of which nothing is applied yet: apply that first."
            )
        for key in (*outputs.shown, *outputs.hidden):
            _check_only(givers, variable(name, key), f"{key} of {name}")
        variables |= {variable(name, key): value for key, value in outputs.shown.items()}
        needs[name] = outputs.serial if outputs.hidden else 0
        if outputs.commit is not None:
            met[name] = outputs.commit
    return Given(variables, needs, met)


def _check_only(givers: dict[str, str], name: str, output: str) -> None:
    """Notes which output gives a variable; NeedsPerson where another gives it already."""
    before = givers.setdefault(name, output)
    if before != output:
        raise NeedsPerson(
            f"The outputs {before} and {output} would both be the variable {name}: rename one of them."
        )


def with_hidden(services: Services, access: Access, environment: Environment, claim: Claim) -> Access:
    """An organization's access with the hidden outputs that a claim needs: for Terraform's environment, and no log."""
    found = {
        variable(name, key): value
        for name in claim.needs
        if (outputs := _outputs(services, environment, name)) is not None
        for key, value in outputs.hidden.items()
    }
    texts = (text for value in found.values() for text in texts_in(value))
    return replace(access, variables=found, redact=access.redact.also(texts)) if found else access


def variable(application: str, output: str) -> str:
    """The input variable that has an application's output: `db_url`, of `my-db` `my_db_url`."""
    return f"{application}_{output}".replace("-", "_")


@dataclass(frozen=True, slots=True)
class _Outputs:
    """What an application's state has as outputs, and its `commit`; `hidden` are those that the record does not show as they are."""

    commit: str | None
    serial: int
    shown: Mapping[str, object]
    hidden: Mapping[str, object]


def _outputs(services: Services, environment: Environment, name: str) -> _Outputs | None:
    """The outputs of a sibling, None where nothing of it is applied; what its record does not show stays hidden."""
    record = services.store.environment(replace(environment.id, application=name))
    if record is None or record.claim is None:
        return None
    organization = services.organizations[record.id.organization]
    state = of_its_own(record, organization.state(record.claim.backend).read(record.id.state_key))
    if state is None:
        return _Outputs(record.applied.commit, 0, {}, {})
    outputs = state.outputs.items()
    # What the record shows otherwise was redacted there: it holds a secret, and travels as one.
    as_recorded = {key for key, o in outputs if not o.sensitive and o == record.applied.outputs.get(key)}
    shown = {key: o.value for key, o in outputs if key in as_recorded}
    hidden = {key: o.value for key, o in outputs if key not in as_recorded}
    return _Outputs(record.applied.commit, state.serial, shown, hidden)
