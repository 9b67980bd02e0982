"""The port `Registry` in memory: what a test says that there is."""

from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.rules.pipeline.images import chosen
from envmgr.ports.registry import FoundImage, Login


class MemoryRegistry:
    """See `envmgr.ports.Registry`. `images` maps an image to its tags and their digests; `is_away` answers nothing."""

    def __init__(self) -> None:
        self.images: dict[str, dict[str, str]] = {}
        self.is_away = False
        self.logins: list[Login | None] = []

    def newest(self, image: str, tags: str, login: Login | None) -> FoundImage:
        """The one that counts."""
        self.logins.append(login)
        if self.is_away:
            raise Transient(f"The registry of {image} did not answer (connection refused).")
        tag = chosen(self.images.get(image, {}), tags)
        if tag is None:
            raise NeedsPerson(f"The registry has no image {image}.")
        return FoundImage(f"{image}@{self.images[image][tag]}", tag)
