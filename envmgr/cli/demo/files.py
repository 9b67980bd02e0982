"""The configuration files of the demo's stories."""

_ORGANIZATION = """\
organization: demo
{cage}
destroy: {{confirmations: 2, grace_period: {grace}}}
polling: {{interval: 1s}}
limits: {{health_networks: [127.0.0.0/8]}}
repositories:
  - name: shop
    url: {repository}
    terraform: {{module: local-environment}}
    variables: {{root: {environments}}}
    deploy:
      - {{name: check, run: python3 -m py_compile app.py}}
      - name: stop          # app.py ends without the file `serve`, and holds `lock` until then
        run: &stop |
          cd "$ENVMGR_OUTPUT_DIRECTORY"
          rm -f serve
          flock lock true
      - name: start
        run: |
          folder=$ENVMGR_OUTPUT_DIRECTORY
          touch "$folder/serve"
          setsid flock -F "$folder/lock" python3 app.py "$folder" >"$folder/app.log" 2>&1 &
    on_destroy:
      - {{name: stop, run: *stop}}
    health: {{url: "{{outputs.url}}", timeout: 20s}}
"""
_BRANCHES = """\
    branches: ["env-*"]
"""
_PIPELINE = """\
    build:                  # before the plan, once for all environments that get the commit
      - name: page
        run: |
          python3 -m py_compile app.py
          echo "message=built of $ENVMGR_COMMIT" >>"$ENVMGR_VARIABLES"
    tests:                  # once it is healthy
      - {{name: is-open, run: "! grep Closed app.py"}}
    environments:
      - {{name: staging, branch: main, variables: {{port: {staging}}}}}
      - name: production
        tags: "v*"          # the newest by semantic version
        after: [staging]    # only what staging had ready, its tests passed
        approval: {{needed: 1}}
        variables: {{port: {production}, color: teal}}
"""
_CAGE = """\
cage:                       # what a branch brings sees no file and no process of this machine but its own
  kind: bwrap
  network: open             # its application is to answer at this machine's 127.0.0.1
  writable: [{environments}]
  outlive: true             # the application serves on when the step that started it has ended"""
_DAEMON = """\
daemon: {{log_level: warning}}
server: {{listen: {listen}}}
"""


def branches(**values: str) -> str:
    """The organization file of the story of branches; `values` are `grace`, `cage`, `repository` and `environments`."""
    return (_ORGANIZATION + _BRANCHES).format(**values)


def pipeline(**values: object) -> str:
    """The same of the story of a pipeline; `values` are also the ports of `staging` and `production`."""
    return (_ORGANIZATION + _PIPELINE).format(**values)


def cage(environments: str) -> str:
    """What of an organization file confines what a branch brings."""
    return _CAGE.format(environments=environments)


def daemon(listen: str) -> str:
    """The file of the daemon's settings."""
    return _DAEMON.format(listen=listen)
