"""The organization file that the documentation of envmgr shows, with its comments."""

EXAMPLE = """\
organization: acme                 # [a-z0-9-]+
backend:                           # exactly one of local, azurerm, s3; keys are Terraform's own backend keys
  azurerm:                         # `key` is set by envmgr: acme/shop/alice/terraform.tfstate
    storage_account_name: acmetfstate
    container_name: tfstate
# local: {path: /srv/envmgr/state}         (default: <data dir>/state)
# s3: {bucket: acme-tfstate, region: eu-west-1, use_lockfile: true, endpoints: {s3: "http://…"}, use_path_style: true}
terraform:
  binary: terraform                # name or path; OpenTofu's tofu too
  cli_config: /etc/envmgr/terraform.rc     # optional: Terraform CLI configuration (provider mirrors)
  timeout: 1h                      # per command
environment_variables:             # given to Terraform, deploy steps and cloud clients of this organization, to nothing else
  ARM_SUBSCRIPTION_ID: "0000…"     # a literal, or a reference:
  ARM_CLIENT_SECRET: {systemd: acme-arm-secret}    # $CREDENTIALS_DIRECTORY/acme-arm-secret
  ARM_ACCESS_KEY: {file: /etc/envmgr/acme.key}
  AWS_SECRET_ACCESS_KEY: {env: ACME_AWS_SECRET}    # from envmgr's own process environment
polling: {interval: 30s}
limits: {environments: 50, concurrency: 2}         # per organization
destroy: {confirmations: 2, grace_period: 5m, max_at_once: 5}
drift: {interval: 1h, action: report}              # report | correct | off
ttl: {default: null, max: 30d, warn_before: [24h, 1h]}
schedule: null                                     # {up: "0 8 * * 1-5", down: "0 19 * * 1-5", timezone: Europe/Berlin}
repositories:
  - name: shop
    url: https://git.example.com/acme/shop.git     # https, ssh, file or a path
    credentials: {username: bot, password: {file: /etc/envmgr/git-token}}   # or {ssh_key: {file: …}}; optional
    branches: ["env-*"]            # the default; `*` matches any run of characters, `/` too
    protected: ["env-prod"]        # never destroyed because a branch went away, a TTL ran out or a schedule said so
    terraform: {directory: terraform}      # in the branch; or {module: aws-environment} of terraform_modules/
    variables: {location: westeurope}
    deploy:                        # after every successful apply, and on commits that change no infrastructure
      - {name: build, run: "make image", timeout: 15m}
    health: {url: "{outputs.url}", expect: 200, timeout: 5m}
    # polling, limits, destroy, drift, ttl, schedule may be overridden here
"""
