# Resources of the AWS provider on picket; terraform.py applies, plans, imports and destroys them.
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

resource "aws_guardduty_detector" "here" {
  enable                       = true
  finding_publishing_frequency = var.name == "one" ? "ONE_HOUR" : "SIX_HOURS"
  datasources {
    s3_logs {
      enable = true
    }
    kubernetes {
      audit_logs {
        enable = var.name == "one"
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
  status      = var.name == "one" ? "ENABLED" : "DISABLED"
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

data "aws_guardduty_detector" "here" {
  depends_on = [aws_guardduty_detector.here]
}

output "detector" {
  value = data.aws_guardduty_detector.here.id
}

output "plan" {
  value = aws_guardduty_malware_protection_plan.plan.id
}
