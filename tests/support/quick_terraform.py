"""A stand-in for Terraform that costs milliseconds: for figures in which Terraform itself is not asked about.

It knows one resource, `terraform_data.app`, and the `local` backend, and writes a state as Terraform does.
"""

from pathlib import Path

_SCRIPT = r"""#!/bin/sh
if [ "$1" = version ]; then echo '{"terraform_version": "1.11.4"}'; exit; fi
command=$1 out= kind=create
for argument in "$@"; do
  case "$argument" in
    -out=*) out=${argument#-out=} ;;
    -destroy*) kind=delete ;;
    /proc/self/fd/*) plan=$argument ;;
  esac
done
read -r backend < envmgr_backend.tf.json
state=${backend#*'"path": "'}
state=${state%%'"'*}
resource='{"mode": "managed", "type": "terraform_data", "name": "app", "provider": "p", "instances": [{"attributes": {}}]}'
say() { printf '{"@message": "%s", "type": "%s"%s}\n' "$1" "$2" "$3"; }
summary() {
  [ "$kind" = create ] && counts='"add": 1, "remove": 0' || counts='"add": 0, "remove": 1'
  say "$1" change_summary ", \"changes\": {$counts, \"change\": 0, \"operation\": \"$2\"}"
}
case "$command" in
  init)
    mkdir -p "$TF_DATA_DIR"
    printf '{"backend": {"type": "local", "config": {"path": "%s"}}}' "$state" > "$TF_DATA_DIR/terraform.tfstate"
    say Initialised init_output ;;
  plan)
    echo "$kind" > "$out"
    say app planned_change ", \"change\": {\"action\": \"$kind\", \"resource\": {\"addr\": \"terraform_data.app\", \"resource_type\": \"terraform_data\"}}"
    summary Plan plan
    exit 2 ;;
  show)
    read -r kind < "$plan"
    printf '{"resource_changes": [{"mode": "managed", "address": "terraform_data.app", "type": "terraform_data", "change": {"actions": ["%s"], "before": {}, "after": null}}]}' "$kind" ;;
  apply)
    read -r kind < "$plan"
    [ "$kind" = create ] || resource=
    mkdir -p "${state%/*}"
    printf '{"version": 4, "serial": 1, "lineage": "l", "outputs": {}, "resources": [%s]}' "$resource" > "$state"
    summary Applied apply ;;
esac
"""


def write_quick_terraform(path: Path) -> Path:
    """Puts the stand-in at a path; gives that."""
    path.write_text(_SCRIPT)
    path.chmod(0o755)
    return path
