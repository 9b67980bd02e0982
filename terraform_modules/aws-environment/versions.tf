terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.64, < 7.0"
    }
  }
}

# Credentials, and the endpoint where it is not AWS itself, come from the AWS_* environment variables.
provider "aws" {
  region = var.region
}
