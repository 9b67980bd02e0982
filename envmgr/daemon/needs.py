"""What an application needs of others: their outputs, as Terraform's input variables."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from envmgr.config.secrets import redacted, texts_in
from envmgr.domain.environment import Claim, Environment, Output
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.names import EnvironmentId
from envmgr.ports import Redact

from .job import Declined
from .services import Services
from .tenant import Access, Project


@dataclass(frozen=True, slots=True)
class Given:
    """The outputs of what an application needs: those that may be written down, and where the hidden ones are.

    `needs` is as in `Claim`: each needed application with the serial of its state, 0 where it hides nothing.
    """

    variables: Mapping[str, object]
    needs: Mapping[str, int]


def given(services: Services, project: Project, environment: Environment) -> Given:
    """What the applications it needs have as outputs now; NeedsPerson where two have a variable of one name."""
    variables: dict[str, object] = {}
    needs: dict[str, int] = {}
    redact = project.tenant.access().redact
    for name in project.needs:
        _check_there(services, environment, name)
        serial, outputs = _read(services, replace(environment.id, application=name))
        hidden = {key for key, output in outputs.items() if _is_hidden(output, redact)}
        shown = {variable(name, key): o.value for key, o in outputs.items() if key not in hidden}
        if twice := sorted(shown.keys() & variables.keys()):
            raise NeedsPerson(
                f"Two applications that {project.application} needs give it the variable {twice[0]}: rename an output."
            )
        variables |= shown
        needs[name] = serial if hidden else 0
    return Given(variables, needs)


def with_hidden(services: Services, access: Access, environment: Environment, claim: Claim) -> Access:
    """An organization's access with the hidden outputs that a claim needs: for Terraform's environment, and no log."""
    found = {
        variable(name, key): output.value
        for name in claim.needs
        for key, output in _read(services, replace(environment.id, application=name))[1].items()
        if _is_hidden(output, access.redact)
    }
    texts = (text for value in found.values() for text in texts_in(value))
    return replace(access, variables=found, redact=access.redact.also(texts)) if found else access


def variable(application: str, output: str) -> str:
    """The input variable that has an application's output: `db_url`, of `my-db` `my_db_url`."""
    return f"{application}_{output}".replace("-", "_")


def _check_there(services: Services, environment: Environment, name: str) -> None:
    need = services.store.environment(replace(environment.id, application=name))
    if need is None or need.claim is None:
        raise Declined(
            f"{environment.label} needs {name}, of which nothing is applied yet: apply that first."
        )


def _is_hidden(output: Output, redact: Redact) -> bool:
    return output.sensitive or redacted(output.value, redact) != output.value


def _read(services: Services, identity: EnvironmentId) -> tuple[int, Mapping[str, Output]]:
    """The serial and the outputs of an application's state."""
    record = services.store.environment(identity)
    claim = record.claim if record is not None else None
    state = (
        services.tenants[identity.organization]
        .state(claim.backend if claim else None)
        .read(identity.state_key)
    )
    return (state.serial, state.outputs) if state is not None else (0, {})
