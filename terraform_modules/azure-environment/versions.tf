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
