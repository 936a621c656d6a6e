//! Who asks AWS.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest external ID and ARN that AWS takes, in bytes.
const MAX_EXTERNAL_ID_BYTES: usize = 1224;
const MAX_ARN_BYTES: usize = 2048;

/// Whose credentials requests to AWS are signed with.
///
/// The default is whoever AWS's own tools would find: the environment, the profile, the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AwsIdentity {
    /// A profile of AWS's configuration files, which goes before credentials in the environment.
    pub profile: Option<String>,
    /// What is assumed with these credentials.
    pub role: Option<AssumedRole>,
}

impl AwsIdentity {
    /// This one, and of `other` what this one leaves open. A role is replaced with its external ID.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        Self {
            profile: self.profile.as_ref().or(other.profile.as_ref()).cloned(),
            role: self.role.as_ref().or(other.role.as_ref()).cloned(),
        }
    }
}

/// A role, and what its account may demand of those who assume it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssumedRole {
    pub arn: RoleArn,
    pub external_id: Option<ExternalId>,
}

/// The ARN of a role, such as `arn:aws:iam::123456789012:role/deploy`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleArn(String);

/// What a role's trust policy may demand as `sts:ExternalId`. No secret: AWS shows it to all who may read the policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExternalId(String);

/// A text that is not an account's number.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not an account: twelve digits are expected")]
pub struct InvalidAccount(String);

/// A text that is not the ARN of a role.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not the ARN of a role, such as `arn:aws:iam::123456789012:role/deploy`")]
pub struct InvalidRoleArn(String);

/// A text that is not an external ID.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not an external ID: 2 to {MAX_EXTERNAL_ID_BYTES} letters, digits and `_+=,.@:/-`")]
pub struct InvalidExternalId(String);

/// The account of AWS with this number.
///
/// # Errors
/// [`InvalidAccount`] for anything but twelve digits.
pub fn aws_account(text: &str) -> Result<String, InvalidAccount> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(text.to_owned()) } else { Err(InvalidAccount(text.to_owned())) }
}

impl RoleArn {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account that has the role: twelve digits.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).expect("an ARN has six parts")
    }
}

impl FromStr for RoleArn {
    type Err = InvalidRoleArn;

    fn from_str(text: &str) -> Result<Self, InvalidRoleArn> {
        let is_name = |name: &str| {
            !name.is_empty()
                && !name.ends_with('/')
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte))
        };
        let is_role = match text.split(':').collect::<Vec<_>>()[..] {
            ["arn", partition, "iam", "", account, role] => {
                partition.starts_with("aws")
                    && aws_account(account).is_ok()
                    && role.strip_prefix("role/").is_some_and(is_name)
            }
            _ => false,
        };
        if is_role && text.len() <= MAX_ARN_BYTES {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidRoleArn(text.to_owned()))
        }
    }
}

impl ExternalId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExternalId {
    type Err = InvalidExternalId;

    fn from_str(text: &str) -> Result<Self, InvalidExternalId> {
        let is_id = (2..=MAX_EXTERNAL_ID_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte));
        if is_id { Ok(Self(text.to_owned())) } else { Err(InvalidExternalId(text.to_owned())) }
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_of_a_role_says_its_account() {
        for (text, account) in [
            ("arn:aws:iam::123456789012:role/deploy", "123456789012"),
            ("arn:aws-cn:iam::210987654321:role/ci/chinampa_deploy", "210987654321"),
            ("arn:aws-us-gov:iam::123456789012:role/a+b=c,d.e@f-g", "123456789012"),
        ] {
            assert_eq!(text.parse::<RoleArn>().unwrap().account(), account);
        }
        for text in [
            "",
            "deploy",
            "arn:aws:iam::123456789012:user/deploy",
            "arn:aws:iam::12345678901:role/deploy",
            "arn:aws:iam:us-east-2:123456789012:role/deploy",
            "arn:aws:sts::123456789012:assumed-role/deploy/x",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a b",
            "arn:evil:iam::123456789012:role/deploy",
            "arn:aws:iam::123456789012:role/deploy:x",
        ] {
            assert!(text.parse::<RoleArn>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn external_ids_are_what_sts_takes() {
        for text in ["ab", "chinampa:shop/prod", "0123_+=,.@-"] {
            assert_eq!(text.parse::<ExternalId>().unwrap().as_str(), text);
        }
        for text in ["", "a", "a b", "a\nb", &"x".repeat(1225)] {
            assert!(text.parse::<ExternalId>().is_err(), "{text:?} was accepted");
        }
    }
}
