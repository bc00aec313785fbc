# The resource kinds of the AWS provider behind which something is fetched or written: ../sets.py applies them to a
# `picket serve` whose S3 has the lists and the buckets.
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

# A bucket with one.txt and two.txt, lists of addresses, which takes findings too.
variable "bucket" {
  type = string
}

locals {
  one = var.name == "one"
  key = "arn:aws:kms:eu-west-1:111122223333:key/1"
}

provider "aws" {
  region                      = "eu-west-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
  endpoints {
    guardduty = var.endpoint
  }
}

data "aws_guardduty_detector" "here" {
}

resource "aws_guardduty_ipset" "office" {
  detector_id = data.aws_guardduty_detector.here.id
  name        = "office-${var.name}"
  format      = "TXT"
  location    = "https://s3.amazonaws.com/${var.bucket}/${var.name}.txt"
  activate    = local.one
  tags = {
    Name = "terraform"
  }
}

resource "aws_guardduty_threatintelset" "ours" {
  detector_id = data.aws_guardduty_detector.here.id
  name        = "ours-${var.name}"
  format      = "TXT"
  location    = "s3://${var.bucket}/${var.name}.txt"
  activate    = true
  tags = {
    Name = "terraform"
  }
}

resource "aws_guardduty_publishing_destination" "archive" {
  detector_id     = data.aws_guardduty_detector.here.id
  destination_arn = "arn:aws:s3:::${var.bucket}/${var.name}"
  kms_key_arn     = local.key
}
