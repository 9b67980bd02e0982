# Writes below var.root for real, in the folder of an organization of its own, and takes that away at the end.
variables {
  environment  = "alice"
  project      = "shop"
  organization = "envmgr-terraform-test"
  branch       = "env-alice"
}

run "creates_page_and_mark" {
  variables {
    branch  = "env-$(touch pwned)'\"<script>&"
    message = "Hello `id`"
    tags    = { branch = "env-alice", team = "web" }
  }

  assert {
    condition     = output.directory == "${pathexpand(var.root)}/envmgr-terraform-test/shop/alice"
    error_message = "The folder is root/organization/project/environment."
  }

  assert {
    condition     = output.url == "file://${output.directory}/index.html"
    error_message = "url is the page as a file:// URL."
  }

  assert {
    condition     = strcontains(local.page, "env-$(touch pwned)&#39;&quot;&lt;script&gt;&amp;")
    error_message = "The branch stands on the page, escaped for HTML."
  }

  assert {
    condition = jsondecode(local.mark).tags == {
      environment  = "alice"
      project      = "shop"
      organization = "envmgr-terraform-test"
      branch       = "env-alice"
      managed-by   = "envmgr"
      team         = "web"
    }
    error_message = "The mark holds all tags, those given before those filled in."
  }
}

run "finds_on_disk_what_it_wrote" {
  variables {
    branch  = "env-$(touch pwned)'\"<script>&"
    message = "Hello `id`"
    tags    = { branch = "env-alice", team = "web" }
  }

  assert {
    condition     = local.on_disk == local.wanted
    error_message = "What stands on disk is what was written."
  }
}

run "an_odd_root_gives_a_valid_url" {
  command = plan

  variables {
    root = "/tmp//my folder/50%+/"
  }

  assert {
    condition     = local.directory == "/tmp/my folder/50%+/envmgr-terraform-test/shop/alice"
    error_message = "Doubled and trailing slashes are dropped."
  }

  assert {
    condition     = local.url == "file:///tmp/my%20folder/50%25%2B/envmgr-terraform-test/shop/alice/index.html"
    error_message = "The URL is percent-encoded."
  }
}

run "a_port_gives_the_address_of_an_application" {
  command = plan

  variables {
    port = 8080
  }

  assert {
    condition     = output.url == "http://127.0.0.1:8080/"
    error_message = "url is on loopback, at the port."
  }

  assert {
    condition     = output.directory == "${pathexpand(var.root)}/envmgr-terraform-test/shop/alice"
    error_message = "The folder is there with a port, too."
  }
}

run "refuses_a_port_that_is_none" {
  command = plan

  variables {
    port = 65536
  }

  expect_failures = [var.port]
}

run "refuses_half_a_port" {
  command = plan

  variables {
    port = 80.5
  }

  expect_failures = [var.port]
}

run "refuses_to_climb_by_environment" {
  command = plan

  variables {
    environment = "../alice"
  }

  expect_failures = [var.environment]
}

run "refuses_to_climb_by_project" {
  command = plan

  variables {
    project = ".."
  }

  expect_failures = [var.project]
}

run "refuses_to_climb_by_organization" {
  command = plan

  variables {
    organization = "acme/.."
  }

  expect_failures = [var.organization]
}

run "refuses_a_newline_in_a_name" {
  command = plan

  variables {
    environment = "alice\n"
  }

  expect_failures = [var.environment]
}

run "refuses_a_relative_root" {
  command = plan

  variables {
    root = "environments"
  }

  expect_failures = [var.root]
}

run "refuses_a_root_that_climbs" {
  command = plan

  variables {
    root = "/srv/../etc"
  }

  expect_failures = [var.root]
}

run "refuses_style_sheet_code_as_color" {
  command = plan

  variables {
    color = "red; background: url(x)"
  }

  expect_failures = [var.color]
}
