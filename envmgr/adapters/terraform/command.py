"""python-terraform's rendering of options, with everything that starts a process replaced."""

from collections.abc import Callable
from typing import Any

from python_terraform import IsFlagged, Terraform

Run = Callable[[list[str]], int]
"""Runs an argv to its end and gives the return code."""

__all__ = ["IsFlagged", "Run", "TerraformCommand"]


class TerraformCommand(Terraform):  # type: ignore[misc]  # the package ships no types
    """Terraform's command line as python-terraform writes it; `run` is what really starts it."""

    def __init__(self, binary: str, run: Run) -> None:
        """Commands of the Terraform at `binary`."""
        self._run = run
        super().__init__(terraform_bin_path=binary)

    def cmd(self, cmd: str, *args: str, **kwargs: Any) -> tuple[int, None, None]:
        """Runs one command; its output is in the file that `run` gave it."""
        return self._run(self.generate_cmd_string(cmd, *args, **kwargs)), None, None

    def generate_cmd_string(self, cmd: str, *args: str, **kwargs: Any) -> list[str]:
        """The argv of a command.

        Raises TypeError for a dict: the package would leave it behind in a temporary file, or in argv.
        """
        for option, value in kwargs.items():
            if isinstance(value, dict):
                raise TypeError(f"{option}: values belong in the environment, not on the command line")
        argv: list[str] = super().generate_cmd_string(cmd, *args, **kwargs)
        return argv

    def read_state_file(self, file_path: str | None = None) -> None:
        """Reads nothing: the state is in the backend."""

    def _generate_default_options(self, input_options: dict[str, Any]) -> dict[str, Any]:
        return {"no_color": IsFlagged, "input": False, **input_options}

    def __getattr__(self, name: str) -> Any:
        """Refuses unknown names, which the package would run as commands."""
        raise AttributeError(name)
