# The GuardDuty resource kinds of the AWS provider on picket; terraform.py applies, plans, imports and destroys them.
# Sets and publishing destinations are in sets.tf: the provider waits until a list is deleted and a bucket verified, which
# `picket serve` does and the test server does not.
# The profiles are those of the test server: default is the organisation's management account, security its
# GuardDuty administrator, shop invites member.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "name" {
  type    = string
  default = "one"
}

locals {
  one = var.name == "one"
}

provider "aws" {
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
  endpoints {
    guardduty = var.endpoint
  }
}

provider "aws" {
  alias                       = "security"
  profile                     = "security"
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
  endpoints {
    guardduty = var.endpoint
  }
}

provider "aws" {
  alias                       = "shop"
  profile                     = "shop"
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
  endpoints {
    guardduty = var.endpoint
  }
}

provider "aws" {
  alias                       = "member"
  profile                     = "member"
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
  endpoints {
    guardduty = var.endpoint
  }
}

resource "aws_guardduty_detector" "here" {
  enable                       = true
  finding_publishing_frequency = local.one ? "ONE_HOUR" : "SIX_HOURS"
  datasources {
    s3_logs {
      enable = true
    }
    kubernetes {
      audit_logs {
        enable = local.one
      }
    }
    malware_protection {
      scan_ec2_instance_with_findings {
        ebs_volumes {
          enable = true
        }
      }
    }
  }
  tags = {
    Name = "terraform"
  }
}

resource "aws_guardduty_detector_feature" "rds" {
  detector_id = aws_guardduty_detector.here.id
  name        = "RDS_LOGIN_EVENTS"
  status      = local.one ? "ENABLED" : "DISABLED"
}

resource "aws_guardduty_filter" "quiet" {
  detector_id = aws_guardduty_detector.here.id
  name        = "quiet"
  action      = local.one ? "ARCHIVE" : "NOOP"
  rank        = 1
  description = local.one ? "known scanner" : "another reason"
  finding_criteria {
    criterion {
      field  = "region"
      equals = ["eu-central-1"]
    }
    criterion {
      field      = "service.additionalInfo.threatListName"
      not_equals = ["some-threat", "another-threat"]
    }
    criterion {
      field        = "updatedAt"
      greater_than = "2020-01-01T00:00:00Z"
      less_than    = "2030-01-01T00:00:00Z"
    }
    criterion {
      field                 = "severity"
      greater_than_or_equal = "4"
    }
  }
  tags = {
    Name = "terraform"
  }
}

resource "aws_guardduty_malware_protection_plan" "plan" {
  role = "arn:aws:iam::111122223333:role/scan-${var.name}"
  protected_resource {
    s3_bucket {
      bucket_name     = "bucket-1"
      object_prefixes = ["a/", "b/"]
    }
  }
  actions {
    tagging {
      status = "ENABLED"
    }
  }
  tags = {
    Name = "terraform"
  }
}

# An account that is invited, and accepts.

resource "aws_guardduty_detector" "shop" {
  provider = aws.shop
}

resource "aws_guardduty_detector" "member" {
  provider = aws.member
}

resource "aws_guardduty_member" "member" {
  provider    = aws.shop
  account_id  = "444455556666"
  detector_id = aws_guardduty_detector.shop.id
  email       = "member@example.com"
  invite      = true
}

resource "aws_guardduty_invite_accepter" "member" {
  provider          = aws.member
  depends_on        = [aws_guardduty_member.member]
  detector_id       = aws_guardduty_detector.member.id
  master_account_id = "555566667777"
}

resource "aws_guardduty_member_detector_feature" "member" {
  provider    = aws.shop
  depends_on  = [aws_guardduty_invite_accepter.member]
  detector_id = aws_guardduty_detector.shop.id
  account_id  = "444455556666"
  name        = "S3_DATA_EVENTS"
  status      = local.one ? "ENABLED" : "DISABLED"
}

# The organisation.

resource "aws_guardduty_organization_admin_account" "security" {
  depends_on       = [aws_guardduty_detector.here]
  admin_account_id = "222233334444"
}

resource "aws_guardduty_detector" "security" {
  provider   = aws.security
  depends_on = [aws_guardduty_organization_admin_account.security]
}

resource "aws_guardduty_organization_configuration" "all" {
  provider                         = aws.security
  detector_id                      = aws_guardduty_detector.security.id
  auto_enable_organization_members = local.one ? "NEW" : "NONE"
}

resource "aws_guardduty_organization_configuration_feature" "s3" {
  provider    = aws.security
  detector_id = aws_guardduty_organization_configuration.all.detector_id
  name        = "S3_DATA_EVENTS"
  auto_enable = local.one ? "NEW" : "NONE"
}

data "aws_guardduty_detector" "here" {
  depends_on = [aws_guardduty_detector.here]
}

data "aws_guardduty_finding_ids" "here" {
  detector_id = aws_guardduty_detector.here.id
}

output "detector" {
  value = data.aws_guardduty_detector.here.id
}

output "plan" {
  value = aws_guardduty_malware_protection_plan.plan.id
}
