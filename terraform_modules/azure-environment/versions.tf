terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 5.2"
    }
  }
}

# Subscription and credentials come from the ARM_* environment variables.
provider "azurerm" {
  # The storage account has no access keys, so nothing may ask for them.
  storage_use_azuread = true

  features {
    # What Azure accepted is in the state from then on: a creation that fails after that, or whose provider is ended, is
    # taken up by the next apply and goes with a destroy. Without it Azure has what no state tells of.
    persist_id_on_create_before_polling_for_completion = true

    # A provider that was killed in the middle of a request leaves what no state tells of even so; else every later apply
    # ends with "already exists". Overwriting is safe here alone because group, app, server and storage account carry a
    # hash of organization, project and environment in their names, and all else lies within these: what has such a
    # name is this environment's own. In code whose names people choose, leave it out.
    skip_import_check_on_create_and_allow_overwriting_existing_resources = true

    resource_group {
      # What a deploy step put into the group goes with it; kept, it would stop the destroy after ten minutes of retries.
      prevent_deletion_if_contains_resources = false
    }

    storage {
      # The container is made through Azure's control plane: the deploying identity needs no rights on the data.
      data_plane_available = false
    }
  }
}
