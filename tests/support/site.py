"""A checkout with a site in it, and the step that brings it to where it is served from."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from envmgr.adapters.site.upload import SiteUpload
from envmgr.domain.values.step import Site, Step
from envmgr.ports import Place, Progress, StepLimits, Watch

SECONDS = 60.0


@dataclass
class SiteStep:
    """The step `page` of the folder `public` of a checkout; `target` says where it goes."""

    root: Path
    target: Site
    environment: dict[str, str]
    name: str = "page"
    seen: list[Progress] = field(default_factory=list)

    @property
    def public(self) -> Path:
        """The site's folder."""
        return self.root / "checkout" / "public"

    def write(self, name: str, content: str | bytes = "x") -> None:
        """One file of the site."""
        path = self.public / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def run(self, seconds: float = SECONDS, cache: dict[str, str] | None = None, **watch: Any) -> str:
        """Uploads; what the log says of it, without times."""
        target = self.target if cache is None else replace(self.target, cache_control=cache)
        step = Step(name=self.name, run=target, timeout=timedelta(seconds=seconds))
        place = Place(
            checkout=self.root / "checkout",
            home=self.root / "home",
            temporary=self.root / "temporary",
            cache=self.root / "cache",
            environment=self.environment,
            limits=StepLimits(output=1000),
        )
        before = len(self.said())
        log = self.root / "1.log"
        SiteUpload().run(step, place, replace(Watch(log=log, progress=self.seen.append), **watch))
        return "\n".join(self.said()[before:])

    def said(self) -> list[str]:
        """The log's lines without their times."""
        log = self.root / "1.log"
        if not log.exists():
            return []
        return [line.partition(" ")[2] for line in log.read_text().splitlines()]
