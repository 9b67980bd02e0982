"""Loading: the example as it is, every mistake at once with its line, and what deserves a warning."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.config.load import Configuration, ConfigurationError, load
from envmgr.config.sections.models import OrganizationFile
from envmgr.config.sections.secrets import SecretReference
from envmgr.config.settings import Settings
from envmgr.domain.values.names import RepositoryId
from tests.unit.config_example import EXAMPLE

MINIMAL = "organization: acme\nrepositories: [{name: shop, url: /srv/git/shop.git}]\n"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def files(**contents: str) -> Path:
        for name, content in contents.items():
            path = tmp_path / f"{name}.yaml"
            path.write_text(content)
            path.chmod(0o600)
        return tmp_path

    return files


def problems(path: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load(path)
    folder = path if path.is_dir() else path.parent
    return [line.removeprefix(f"{folder}/") for line in raised.value.problems]


def test_the_example_loads_as_it_is(write: Write) -> None:
    configuration = load(write(acme=EXAMPLE))
    [(identity, acme, shop)] = configuration.repositories()
    assert identity == RepositoryId("acme", "shop")
    assert acme.backend.type == "azurerm"
    assert acme.backend.settings == {"storage_account_name": "acmetfstate", "container_name": "tfstate"}
    assert acme.terraform.cli_config == "/etc/envmgr/terraform.rc"
    assert acme.environment_variables["ARM_SUBSCRIPTION_ID"] == "0000…"
    assert acme.environment_variables["AWS_SECRET_ACCESS_KEY"] == SecretReference("env", "ACME_AWS_SECRET")
    assert acme.destroy.grace_period == timedelta(minutes=5)
    assert (acme.ttl.default, acme.ttl.max) == (None, timedelta(days=30))
    assert acme.schedule is None
    assert shop.credentials is not None
    assert shop.credentials.password == SecretReference("file", "/etc/envmgr/git-token")
    assert (shop.branches, shop.protected) == (("env-*",), ("env-prod",))
    assert (shop.terraform.path, shop.terraform.module) == ("terraform", None)
    assert shop.deploy[0].timeout == timedelta(minutes=15)
    assert shop.health is not None


@pytest.mark.parametrize("marker", ["# local:", "# s3:"])
def test_the_commented_backends_of_the_example_load_too(write: Write, marker: str) -> None:
    line = next(line for line in EXAMPLE.splitlines() if line.startswith(marker))
    backend = line.removeprefix("# ").partition("   ")[0]
    acme = load(write(acme=f"{MINIMAL}backend:\n  {backend}\n")).organizations[0]
    assert acme.backend.type == marker.strip("# :")
    assert acme.backend.settings.get("path", "/srv/envmgr/state") == "/srv/envmgr/state"
    assert acme.backend.settings.get("use_path_style", True) is True


def test_little_is_enough(write: Write) -> None:
    configuration = load(write(acme=MINIMAL))
    assert configuration.settings == Settings()
    assert configuration.warnings == ()
    [acme] = configuration.organizations
    assert (acme.backend.type, acme.backend.settings) == ("local", {})
    assert acme.repositories[0].terraform.path == "terraform"
    assert acme.repositories[0].branches == ("env-*",)
    assert configuration.organization("acme") is acme
    assert configuration.organization("other") is None
    assert acme.repository("shop") is acme.repositories[0]
    assert acme.repository("other") is None


def test_keys_with_nothing_behind_them_mean_the_defaults(write: Write) -> None:
    [acme] = load(
        write(acme=f"{MINIMAL}polling:\nttl:\nterraform:\nschedule:\nbackend:\n  local:\n")
    ).organizations
    assert acme == load(write(acme=MINIMAL)).organizations[0]


TEN = """\
organization: Acme
backend: {s3: {bucket: x, access_key: hush-hush}}
polling: {intervall: 30s}
limits: {environments: "50", concurrency: 0}
destroy: {grace_period: 5}
environment_variables: {TF_LOG: trace}
destroy: {confirmations: 3}
drift: {action: maybe}
repositories:
  - name: shop
    url: https://bot:hush-hush@git.example.com/x
    terraform: {directory: ../up}
    variables: {tags: {a: b}}
  - name: shop
    branches: env-*
"""


def test_ten_mistakes_give_a_line_each(write: Write) -> None:
    found = problems(write(acme=TEN))
    assert found == [
        "acme.yaml:1: organization: it must be a name of lower-case letters, digits and `-`",
        "acme.yaml:2: backend.s3: credentials belong in environment_variables: remove access_key and give "
        "ARM_ACCESS_KEY or AWS_ACCESS_KEY_ID there",
        "acme.yaml:3: polling.intervall: there is no such key; did you mean interval?",
        "acme.yaml:4: limits.environments: it must be a whole number, without quotes; for example `environments: 50`",
        "acme.yaml:4: limits.concurrency: it must be at least 1; for example `concurrency: 2`",
        "acme.yaml:5: destroy.grace_period: it must be a duration: a number and a unit, such as 30s, 5m, 1h or 7d",
        "acme.yaml:6: environment_variables.TF_LOG: Terraform's debug log holds secrets and mixes with what envmgr "
        "reads; remove it",
        "acme.yaml:7: destroy: the key is there twice, first on line 5; keep one",
        "acme.yaml:8: drift.action: it must be one of report, correct or off; for example `action: report`",
        "acme.yaml:11: repositories[0].url: a password does not belong in a URL; write it in `credentials`",
        "acme.yaml:12: repositories[0].terraform.directory: it must be a relative path without `..`, such as terraform",
        "acme.yaml:13: repositories[0].variables.tags: envmgr sets the variable tags itself; choose another name",
        "acme.yaml:14: repositories[1].url: it is missing: where it is: https, ssh (also user@host:path), file or "
        "an absolute path; for example `url: https://git.example.com/acme/shop.git`",
        "acme.yaml:14: repositories[1].name: a repository shop is there already, on line 10; rename one",
        'acme.yaml:15: repositories[1].branches: it must be a list; for example `branches: ["env-*"]`',
    ]
    assert "hush-hush" not in "".join(found)


def test_the_mistakes_of_all_files_come_together(write: Write) -> None:
    found = problems(
        write(
            a=MINIMAL,
            b=MINIMAL,
            c="",
            d="a: [1\nb: 2",
            e="- a\n- b\n",
            f="# only a comment\n",
            g="daemon: {log_level: loud}",
            h="daemon: {}",
        )
    )
    places = [line.split(": ")[0] for line in found]
    assert places == [f"{file}.yaml:{2 if file == 'd' else 1}" for file in "bcdefgh"]
    assert "a.yaml is acme already" in found[0]
    assert "is empty" in found[1]
    assert "not YAML" in found[2]
    assert "must be a mapping" in found[3]
    assert "has daemon settings already" in found[-1]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert "there is no *.yaml file in this folder" in problems(tmp_path)[0]
    assert "there is no such file" in problems(tmp_path / "gone.yaml")[0]
    (tmp_path / "bytes.yaml").write_bytes(b"organization: acme\nx: \xff\n")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "large.yaml").write_bytes(b"#" * (5 << 20))
    (tmp_path / ".hidden.yaml").write_text("a: [")
    (tmp_path / "other.txt").write_text("a: [")
    found = problems(tmp_path)
    assert [line.split(":")[0] for line in found] == ["bytes.yaml", "folder.yaml", "large.yaml"]
    assert found[0].startswith("bytes.yaml:2: it is not UTF-8")


def test_only_settings_is_no_configuration(write: Write) -> None:
    assert "no organization file" in problems(write(daemon="daemon: {}"))[0]


def test_a_file_stands_for_itself_and_the_settings_beside_it(write: Write) -> None:
    folder = write(acme=MINIMAL, other="a: [", daemon="daemon: {log_level: debug}")
    configuration = load(folder / "acme.yaml")
    assert [item.organization for item in configuration.organizations] == ["acme"]
    assert configuration.settings.log_level == "debug"


REFUSED = {
    "backend: {}": "exactly one of local, azurerm and s3",
    "backend: {local: {path: /a}, s3: {bucket: b}}": "exactly one of",
    "backend: {local: {path: relative}}": "absolute path",
    "backend: {azurerm: {container_name: c}}": "storage_account_name: it is missing",
    "backend: {azurerm: {storage_account_name: a, container_name: c, key: k}}": "key is not for you to set",
    "backend: {s3: {bucket: b, assume_role: {token: hush-hush}}}": "belong in environment_variables",
    "backend: {s3: {bucket: b, http_proxy: 'http://u:hush-hush@h/'}}": "belong in environment_variables",
    "backend: {gcs: {bucket: b}}": "known here: local, azurerm, s3",
    "terraform: {binary: ./terraform}": "name or absolute path",
    "terraform: {timeout: 0s}": "at least one second",
    "environment_variables: {TF_CLI_ARGS_plan: -lock=false}": "change the commands",
    "environment_variables: {TF_DATA_DIR: /x}": "of its own",
    "environment_variables: {TF_WORKSPACE: x}": "state key",
    "environment_variables: {TF_VAR_branch: x}": "envmgr sets TF_VAR_branch",
    "environment_variables: {A: 5}": "text or a secret reference",
    "environment_variables: {A: {vault: x}}": "exactly one of env, file and systemd",
    "environment_variables: {'A=B': x}": "only letters",
    "limits: {concurrency: true}": "whole number",
    "limits: {concurrency: 1.5}": "whole number",
    "limits: [1]": "must be a mapping",
    "limits: {health_networks: [10.0.0.1/8]}": "must be a network",
    "limits: {health_networks: [internal]}": "must be a network",
    "ttl: {default: 60d, max: 30d}": "default is longer than max",
    "ttl: {warn_before: 1h}": "must be a list",
    "schedule: {up: 8 o'clock, down: 0 19 * * 1-5}": "five fields",
    "schedule: {up: 0 8 * * 1-5, down: 0 19 * * 1-5, timezone: Mars/North}": "time zone",
    "variables: {a b: 1}": "Terraform takes no variable",
    "variables: {a: {b: .inf}}": "such number",
    "variables: [1]": "must be a mapping",
}


@pytest.mark.parametrize(("line", "words"), REFUSED.items())
def test_refused_in_an_organization(write: Write, line: str, words: str) -> None:
    [problem] = problems(write(acme=f"{MINIMAL}{line}\n"))
    assert problem.startswith(f"acme.yaml:3: {line.partition(':')[0]}")
    assert words in problem
    assert "hush-hush" not in problem


REFUSED_IN_REPOSITORY = {
    "branches: []": "must not be empty",
    "branches: ['']": "branch pattern",
    "protected: ['refs/heads/x']": "branch pattern",
    "terraform: {directory: a, module: b}": "not both",
    "terraform: {directory: /abs}": "relative path",
    "terraform: {directory: a/../../b}": "relative path",
    "terraform: {module: ''}": "relative path",
    "terraform: {directory: .git/hooks}": "not of git",
    "credentials: {}": "either username and password, or ssh_key",
    "credentials: {password: hush-hush, ssh_key: {file: /k}}": "either username and password, or ssh_key",
    "credentials: {ssh_key: {file: /k}, username: bot}": "belongs in the URL",
    "credentials: {password: {env: A}, known_hosts: {file: /k}}": "is for ssh_key",
    "allow_branch_deploy: 'yes'": "true or false",
    "allow_branch_deploy: 1": "true or false",
    "deploy: [{name: build}]": "give one of run, site and zip",
    "health: {url: x, expect: 1000}": "at most 599",
    "Polling: {}": "did you mean polling?",
}


@pytest.mark.parametrize(("line", "words"), REFUSED_IN_REPOSITORY.items())
def test_refused_in_a_repository(write: Write, line: str, words: str) -> None:
    text = f"organization: acme\nrepositories:\n  - name: shop\n    url: /srv/shop.git\n    {line}\n"
    [problem] = problems(write(acme=text))
    assert problem.startswith(f"acme.yaml:5: repositories[0].{line.partition(':')[0]}")
    assert words in problem
    assert "hush-hush" not in problem


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/acme/shop.git",
        "https://git.example.com:8443/x",
        "http://127.0.0.1:8080/shop.git",
        "ssh://git@git.example.com:2222/acme/shop.git",
        "git@git.example.com:acme/shop.git",
        "file:///srv/git/shop.git",
        "/srv/git/shop.git",
    ],
)
def test_urls_that_git_may_be_given(write: Write, url: str) -> None:
    acme = load(write(acme=f"organization: a\nrepositories: [{{name: b, url: '{url}'}}]")).organizations[0]
    assert acme.repositories[0].url == url


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/x",
        "--upload-pack=touch",
        "-oProxyCommand=x@h:p",
        "ssh://-oProxyCommand=x/p",
        "ssh://-o@h/p",
        "a@-oProxyCommand:p",
        "a@h:-p",
        "git://h/p",
        "http://git.example.com/x",
        "https:///x",
        "https://[",
        "https://user@h/x",
        "https://u:hush/hush@h/x",
        "https://h:port/x",
        "https://user:@h/x",
        "file://host/x",
        "relative/path",
        "../up",
        "c:/x",
        "fd::17",
        "",
        "https://h/a\\nb",
    ],
)
def test_urls_that_git_is_never_given(write: Write, url: str) -> None:
    [problem] = problems(write(acme=f'organization: a\nrepositories: [{{name: b, url: "{url}"}}]'))
    assert problem.startswith("acme.yaml:2: repositories[0].url: ")


def test_values_keep_their_yaml_types(write: Write) -> None:
    text = f"{MINIMAL}variables: {{a: no, b: 1, c: 1.5, d: true, e: null, f: [1, {{g: x}}], h: 2026-01-02}}\n"
    assert load(write(acme=text)).organizations[0].variables == {
        "a": "no",
        "b": 1,
        "c": 1.5,
        "d": True,
        "e": None,
        "f": [1, {"g": "x"}],
        "h": "2026-01-02",
    }


def test_deploys_and_health_are_no_reason_for_a_warning(write: Write) -> None:
    assert load(write(acme=EXAMPLE)).warnings == ()


def test_secrets_that_everybody_reads_are_warned_of(write: Write, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("hush-hush")
    token.chmod(0o604)
    text = f"{MINIMAL}environment_variables: {{A: {{file: {token}}}, B_TOKEN: hush-hush, C: visible}}\n"
    folder = write(acme=text)
    assert [line.split(": ")[1] for line in load(folder).warnings] == ["environment_variables.A"]
    (folder / "acme.yaml").chmod(0o644)
    warnings = load(folder).warnings
    assert [line.split(": ")[1] for line in warnings] == [
        "environment_variables.A",
        "environment_variables.B_TOKEN",
    ]
    assert "hush-hush" not in "".join(warnings)


def test_secrets_too_short_to_be_hidden_are_warned_of(write: Write, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("tps\n")
    token.chmod(0o600)
    values = f"{{A_TOKEN: {{file: {token}}}, PROXY: 'http://u:abc@p', REGION: eu, B_TOKEN: longer-one}}"
    warnings = load(write(acme=f"{MINIMAL}environment_variables: {values}\n")).warnings
    assert [line.split(": ")[1] for line in warnings] == [
        "environment_variables.A_TOKEN",
        "environment_variables.PROXY",
    ]
    assert all("fewer than 6 characters" in line for line in warnings)
    assert "tps" not in "".join(warnings).replace(str(token), "")


def test_secrets_are_in_no_representation(write: Write) -> None:
    text = (
        "organization: a\nenvironment_variables: {A_TOKEN: hush-hush}\n"
        "repositories: [{name: b, url: /b, credentials: {password: hush-hush}}]\n"
    )
    assert "hush-hush" not in repr(load(write(a=text)))


_keys = st.sampled_from(
    [
        *OrganizationFile.model_fields,
        "name",
        "url",
        "local",
        "s3",
        "bucket",
        "interval",
        "directory",
        "x",
        "ttl",
    ]
)
trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 99)
    | st.sampled_from(["30s", "acme", "shop", "env-*", "/p", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_keys, trees))
def test_any_tree_loads_or_gives_lines(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(json.dumps(tree))
    try:
        outcome: Configuration | tuple[str, ...] = load(file)
    except ConfigurationError as error:
        outcome = error.problems
    if isinstance(outcome, tuple):
        assert all(line.startswith(f"{file}:1: ") for line in outcome)
        assert "cannot be read" not in "".join(outcome), "every type of mistake has its own words"
