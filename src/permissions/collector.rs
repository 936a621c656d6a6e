//! Gathers what everybody does, and makes policies of it.

use std::collections::{BTreeMap, BTreeSet};

use super::arn::Location;
use super::document::{Conditions, Effect, OneOrMore, PolicyDocument, Statement, documents};
use super::table::Need;
use super::{AwsPolicies, PermissionsError, PolicyRequest, Principal, Reason};
use crate::model::{AssumedRole, AwsIdentity, printable};

/// What one identity does, and what is allowed for it.
#[derive(Default)]
struct Grants {
    needs: BTreeSet<Need>,
    statements: Vec<Statement>,
}

/// What is done, and as whom.
pub(super) struct Collector<'r> {
    pub(super) request: PolicyRequest<'r>,
    identities: Vec<(AwsIdentity, Grants)>,
    notes: BTreeSet<String>,
}

impl<'r> Collector<'r> {
    pub(super) fn new(request: PolicyRequest<'r>) -> Self {
        Self { request, identities: Vec::new(), notes: BTreeSet::new() }
    }

    /// Allows all actions of some rows of the table, on what has these names.
    pub(super) fn allow(
        &mut self,
        identity: &AwsIdentity,
        sid: Option<&str>,
        needs: &[Need],
        location: &Location,
        names: &[(&str, &str)],
    ) {
        for need in needs {
            let permission = need.permission();
            let condition = permission.condition.map(|condition| {
                let value = location.fill(condition.value, names);
                (condition.operator, BTreeMap::from([(condition.key, value)]))
            });
            let statement = Statement {
                sid: sid.filter(|_| permission.condition.is_none()).unwrap_or(permission.sid).to_owned(),
                effect: Effect::Allow,
                principal: None,
                action: OneOrMore::sorted(permission.actions.iter().map(|action| (*action).to_owned())),
                resource: OneOrMore(vec![location.fill(permission.resource, names)]),
                condition: condition.into_iter().collect(),
            };
            self.add(identity, Some(*need), statement);
        }
    }

    pub(super) fn deny(&mut self, identity: &AwsIdentity, sid: &str, action: &str, resource: String) {
        let statement = Statement {
            sid: sid.to_owned(),
            effect: Effect::Deny,
            principal: None,
            action: OneOrMore(vec![action.to_owned()]),
            resource: OneOrMore(vec![resource]),
            condition: Conditions::new(),
        };
        self.add(identity, None, statement);
    }

    fn add(&mut self, identity: &AwsIdentity, need: Option<Need>, statement: Statement) {
        let known = self.identities.iter_mut().find(|(known, _)| known == identity);
        if let Some((_, grants)) = known {
            grants.needs.extend(need);
            grants.statements.push(statement);
            return;
        }
        // Whoever assumes a role comes before it.
        if let Some(role) = &identity.role {
            let base = AwsIdentity { profile: identity.profile.clone(), role: None };
            let role = role.arn.as_str();
            self.allow(&base, None, &[Need::AssumeRole], &Location::new(None, None), &[("role", role)]);
        }
        let grants = Grants { needs: need.into_iter().collect(), statements: vec![statement] };
        self.identities.push((identity.clone(), grants));
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.insert(note.into());
    }

    /// # Errors
    /// [`PermissionsError::NothingInAws`], [`PermissionsError::Principal`]
    pub(super) fn finish(mut self) -> Result<AwsPolicies, PermissionsError> {
        if self.identities.is_empty() {
            return Err(PermissionsError::NothingInAws);
        }
        let principal = self.principal()?;
        let mut principals = Vec::new();
        for (identity, Grants { needs, statements }) in std::mem::take(&mut self.identities) {
            let name = name(&identity);
            let (policies, shortened) = documents(statements);
            if shortened.is_widened {
                self.note(format!(
                    "the policy of {name} would be longer than IAM takes, so patterns stand for many names: see whether \
                     they have what others own; a `prefix` makes it shorter"
                ));
            }
            if policies.len() > 1 {
                let count = policies.len();
                self.note(format!(
                    "the policies of {name} are {count}: attach all of them, as managed policies"
                ));
            }
            let account = match &identity.role {
                Some(role) => Some(role.arn.account().to_owned()),
                None => self.job_account().filter(|_| identity.profile.is_none()),
            };
            let trusted = identity.role.as_ref().zip(principal.as_deref());
            let trust_policy = trusted.map(|(role, principal)| trust_policy(role, principal));
            if identity.role.is_some() && trust_policy.is_none() {
                self.note(
                    "there is no trust policy: `--principal` names who assumes the role, by its ARN"
                        .to_owned(),
                );
            }
            let reasons = needs.into_iter().map(|need| {
                let row = need.permission();
                Reason { actions: row.actions, text: row.reason }
            });
            let reasons = reasons.collect();
            principals.push(Principal { name, account, policies, reasons, trust_policy });
        }
        Ok(AwsPolicies { principals, notes: self.notes.into_iter().collect() })
    }

    /// Who assumes roles: the one that was named, else everybody to whom the job's account gives that right.
    fn principal(&self) -> Result<Option<String>, PermissionsError> {
        if let Some(named) = self.request.principal {
            let is_principal = match named.split(':').collect::<Vec<_>>()[..] {
                ["arn", partition, "iam" | "sts", "", account, name] => {
                    partition.starts_with("aws")
                        && crate::model::aws_account(account).is_ok()
                        && !name.is_empty()
                        && !name.contains('*')
                }
                _ => false,
            };
            return match is_principal {
                true => Ok(Some(named.to_owned())),
                false => Err(PermissionsError::Principal(printable(named))),
            };
        }
        let partition = self.cache_location().map_or("aws", |location| location.partition());
        Ok(self.job_account().map(|account| format!("arn:{partition}:iam::{account}:root")))
    }
}

fn name(identity: &AwsIdentity) -> String {
    match identity {
        AwsIdentity { role: Some(role), .. } => role.arn.to_string(),
        AwsIdentity { profile: Some(profile), .. } => format!("profile {}", printable(profile)),
        AwsIdentity { .. } => "job".to_owned(),
    }
}

fn trust_policy(role: &AssumedRole, principal: &str) -> PolicyDocument {
    let external_id = role.external_id.as_ref().map(|id| id.as_str().to_owned());
    let condition = external_id.map(|id| ("StringEquals", BTreeMap::from([("sts:ExternalId", id)])));
    PolicyDocument::new(vec![Statement {
        sid: "AssumeRole".to_owned(),
        effect: Effect::Allow,
        principal: Some(BTreeMap::from([("AWS", principal.to_owned())])),
        action: OneOrMore(vec!["sts:AssumeRole".to_owned()]),
        resource: OneOrMore::default(),
        condition: condition.into_iter().collect(),
    }])
}
