"""`envmgr token`: made, listed, revoked; the secret alone on standard output, and nowhere else."""

from pathlib import Path

from .world import World


def test_a_token_is_made_listed_and_revoked(tmp_path: Path) -> None:
    """What it prints is what a script takes; nothing else has the secret."""
    world = World.create(tmp_path)
    made = world("token", "create", "ci", "--role", "developer", "--organization", "acme", "--expires", "90d")
    assert made.code == 0, made.err
    secret = made.out.strip()
    assert secret.startswith("envmgr_")
    assert secret not in made.err
    assert "developer in acme" in made.err
    again = world("token", "create", "ci", "--role", "viewer")
    assert (again.code, "already" in again.err) == (1, True)
    (listed,) = world("token", "list", "--json").document
    assert (listed["name"], listed["role"], listed["used_at"]) == ("ci", "developer", None)
    assert secret not in world("token", "list").out
    assert not any(secret.encode() in path.read_bytes() for path in world.folder.rglob("*.db*"))
    assert world("token", "revoke", "ci").code == 0
    gone = world("token", "revoke", "ci")
    assert (gone.code, "There is no token 'ci'" in gone.err) == (2, True)
    assert world("token", "create", "x", "--role", "viewer", "--organization", "nobody").code == 2
