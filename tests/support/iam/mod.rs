//! IAM before the emulator, which lets everybody in: who asks, what that takes, and whether it is allowed.
//!
//! Denials are those of AWS, in the form of each API. Tokens of ECR are good for whoever has fetched them.

mod actions;
mod policy;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response};
use serde_json::{Value, json};

use self::actions::{Call, Demand};
use self::policy::{Context, Decision, Policy};
use super::ecr_limits::{EcrLimits, Refusal};

/// What is known of accounts; all clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Iam(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// By access key.
    principals: BTreeMap<String, Principal>,
    /// By ARN.
    roles: BTreeMap<String, Role>,
    tokens: BTreeMap<String, Token>,
    /// Answers in place of the emulator's, by operation: in their order, the last one again and again.
    answers: BTreeMap<String, Vec<String>>,
    limits: Option<EcrLimits>,
    /// What is denied whatever policies say.
    removed: Option<String>,
    /// Nothing is checked.
    is_open: bool,
    /// By ARN, what was allowed.
    used: BTreeSet<(String, String)>,
    denied: Vec<Denial>,
}

/// Somebody with credentials.
#[derive(Clone, Debug)]
struct Principal {
    /// As denials name it.
    arn: String,
    /// Whose policies hold: itself, or the role that it has.
    owner: String,
    policies: Vec<Policy>,
}

#[derive(Clone, Debug, Default)]
struct Role {
    trust: Policy,
    policies: Vec<Policy>,
}

#[derive(Clone, Debug)]
struct Token {
    key: String,
    account: String,
    region: String,
    /// The emulator's own.
    original: String,
}

/// What was refused, as the answer says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) principal: String,
    pub(crate) action: String,
    pub(crate) resource: String,
}

/// What happens to a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    Answered(Response<Bytes>),
    Passed(Box<Allowed>),
}

/// A request that may be answered.
#[derive(Debug)]
pub(crate) struct Allowed {
    pub(crate) head: Parts,
    key: String,
    call: Call,
}

impl Iam {
    /// Whoever has this access key has this role, and is called so in denials.
    pub(crate) fn user(&self, key: &str, arn: &str, role: &str) {
        let principal = Principal { arn: arn.to_owned(), owner: role.to_owned(), policies: Vec::new() };
        self.state().principals.insert(key.to_owned(), principal);
    }

    /// Replaces the policies of a role, which has used nothing of them yet.
    pub(crate) fn attach(&self, arn: &str, documents: &[Value]) {
        let policies: Vec<Policy> = documents.iter().map(Policy::read).collect();
        let mut state = self.state();
        state.used.retain(|(owner, _)| owner != arn);
        for principal in state.principals.values_mut().filter(|it| it.owner == arn) {
            principal.policies.clone_from(&policies);
        }
        state.roles.entry(arn.to_owned()).or_default().policies = policies;
    }

    pub(crate) fn trust(&self, role: &str, document: &Value) {
        self.state().roles.entry(role.to_owned()).or_default().trust = Policy::read(document);
    }

    /// Answers an operation without the emulator, which does not have it.
    pub(crate) fn answer(&self, operation: &str, bodies: &[Value]) {
        let bodies = bodies.iter().map(ToString::to_string).collect();
        self.state().answers.insert(operation.to_owned(), bodies);
    }

    pub(crate) fn limit(&self, limits: EcrLimits) {
        self.state().limits = Some(limits);
    }

    /// Denies an action from now on, or none.
    pub(crate) fn remove(&self, action: Option<&str>) {
        self.state().removed = action.map(str::to_owned);
    }

    /// Lets everybody do everything while something is prepared.
    pub(crate) fn opened<T>(&self, prepare: impl FnOnce() -> T) -> T {
        self.state().is_open = true;
        let value = prepare();
        self.state().is_open = false;
        value
    }

    /// The actions that policies allow and nobody needed, by ARN.
    pub(crate) fn unused(&self) -> BTreeSet<(String, String)> {
        let state = self.state();
        let roles = state.roles.iter().map(|(arn, role)| (arn, &role.policies));
        let allowed = roles.flat_map(|(arn, policies)| {
            policies.iter().flat_map(Policy::allowed).map(move |action| (arn.clone(), action.clone()))
        });
        allowed.filter(|it| !state.used.contains(it)).collect()
    }

    /// What was refused since the last call.
    pub(crate) fn denied(&self) -> Vec<Denial> {
        std::mem::take(&mut self.state().denied)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Decides about a request.
    pub(crate) fn check(&self, mut head: Parts, body: &Bytes) -> Verdict {
        let mut state = self.state();
        let Some((key, call)) = state.call(&mut head, body) else {
            return Verdict::Answered(challenge());
        };
        if let Some(denial) = state.denial(&key, &call) {
            state.denied.push(denial.clone());
            return Verdict::Answered(refusal(&call, &denial));
        }
        if let Some(limits) = &state.limits
            && let Some(Refusal(code, error, message)) = limits.refusal(&head, body)
        {
            return Verdict::Answered(registry_error(code, error, &message));
        }
        match state.answers.get_mut(&call.operation) {
            Some(answers) => {
                let body = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
                Verdict::Answered(Response::new(body.into()))
            }
            None => Verdict::Passed(Box::new(Allowed { head, key, call })),
        }
    }

    /// Learns from the emulator's answer who has which credentials, and gives out tokens of its own.
    pub(crate) fn answered(&self, allowed: (String, Call), mut response: Response<Bytes>) -> Response<Bytes> {
        let (key, call) = allowed;
        let mut state = self.state();
        match call.operation.as_str() {
            "GetAuthorizationToken" if response.status() == 200 => {
                let mut body: Value = serde_json::from_slice(response.body()).unwrap();
                let data = &mut body["authorizationData"][0]["authorizationToken"];
                let token = format!("{key}.{}.{}", call.account, call.region);
                let text = STANDARD.encode(format!("AWS:{token}"));
                let original = std::mem::replace(data, Value::from(text.clone()));
                let original = original.as_str().unwrap().to_owned();
                let Call { account, region, .. } = call;
                state.tokens.insert(text, Token { key, account, region, original });
                *response.body_mut() = body.to_string().into();
                let length = HeaderValue::from(response.body().len());
                response.headers_mut().insert("content-length", length);
            }
            "AssumeRole" if response.status() == 200 => {
                let text = String::from_utf8_lossy(response.body()).into_owned();
                let within = |tag: &str| {
                    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
                    Some(rest.split_once(&format!("</{tag}>"))?.0.to_owned())
                };
                let role = call.body["RoleArn"].as_str().unwrap().to_owned();
                let policies = state.roles[&role].policies.clone();
                let arn = within("Arn").unwrap();
                state
                    .principals
                    .insert(within("AccessKeyId").unwrap(), Principal { arn, owner: role, policies });
            }
            _ => {}
        }
        response
    }
}

impl Allowed {
    pub(crate) fn parts(self) -> (Parts, (String, Call)) {
        (self.head, (self.key, self.call))
    }
}

impl State {
    /// Who asks, and for what; `None` where nothing says who it is.
    fn call(&self, head: &mut Parts, body: &Bytes) -> Option<(String, Call)> {
        let header =
            |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let shown = header("authorization").to_owned();
        let operation = header("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
        let call = Call {
            service: "v2".to_owned(),
            region: String::new(),
            account: String::new(),
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            operation,
            body: Value::Null,
        };
        if let Some(token) = shown.strip_prefix("Basic ") {
            let token = self.tokens.get(token)?;
            let original = HeaderValue::from_str(&format!("Basic {}", token.original)).unwrap();
            head.headers.insert(AUTHORIZATION, original);
            let (account, region) = (token.account.clone(), token.region.clone());
            return Some((token.key.clone(), Call { account, region, ..call }));
        }
        let scope = shown.split_once("Credential=")?.1.split(',').next()?;
        let [key, _, region, service, _] = scope.split('/').collect::<Vec<_>>()[..] else {
            panic!("{scope}")
        };
        let principal = self.principals.get(key).unwrap_or_else(|| panic!("nobody has the key `{key}`"));
        let account = principal.arn.split(':').nth(4).unwrap().to_owned();
        let (operation, body) = match service {
            "sts" => form(body),
            "s3" => (String::new(), Value::Null),
            _ => (call.operation, serde_json::from_slice(body).unwrap_or_default()),
        };
        let account = body["registryId"].as_str().map_or(account, str::to_owned);
        let (service, region) = (service.to_owned(), region.to_owned());
        Some((key.to_owned(), Call { service, region, account, operation, body, ..call }))
    }

    /// What the request lacks first.
    fn denial(&mut self, key: &str, call: &Call) -> Option<Denial> {
        if self.is_open {
            return None;
        }
        let principal = self.principals[key].clone();
        for Demand { action, resource, context } in call.demands() {
            let decisions =
                || principal.policies.iter().map(|policy| policy.decide(&action, &resource, &context));
            let is_allowed = decisions().any(|it| it == Decision::Allowed)
                && decisions().all(|it| it != Decision::Denied)
                && self.removed.as_ref() != Some(&action)
                && (action != "sts:AssumeRole" || self.is_trusted(&principal, call));
            if !is_allowed {
                return Some(Denial { principal: principal.arn, action, resource });
            }
            self.used.insert((principal.owner.clone(), action));
        }
        None
    }

    fn is_trusted(&self, principal: &Principal, call: &Call) -> bool {
        let Some(role) = self.roles.get(call.body["RoleArn"].as_str().unwrap_or_default()) else {
            return false;
        };
        let account = principal.arn.split(':').nth(4).unwrap();
        let names = [principal.owner.clone(), format!("arn:aws:iam::{account}:root")];
        let external_id = call.body["ExternalId"].as_str().map(|id| ("sts:ExternalId", vec![id.to_owned()]));
        role.trust.trusts(&names, &external_id.into_iter().collect::<Context>())
    }
}

/// The operation and the fields of a form.
fn form(body: &Bytes) -> (String, Value) {
    let fields = form_urlencoded::parse(body).into_owned();
    let fields: serde_json::Map<String, Value> = fields.map(|(name, value)| (name, value.into())).collect();
    (fields["Action"].as_str().unwrap().to_owned(), fields.into())
}

fn challenge() -> Response<Bytes> {
    let mut response = registry_error(401, "UNAUTHORIZED", "Not Authorized");
    let challenge = HeaderValue::from_static("Basic realm=\"ecr\",service=\"ecr.amazonaws.com\"");
    response.headers_mut().insert("www-authenticate", challenge);
    response
}

fn registry_error(code: u16, error: &str, message: &str) -> Response<Bytes> {
    let body = json!({ "errors": [{ "code": error, "message": message }] }).to_string();
    Response::builder().status(code).header("content-type", "application/json").body(body.into()).unwrap()
}

/// "Troubleshoot access denied error messages", IAM User Guide.
fn refusal(call: &Call, denial: &Denial) -> Response<Bytes> {
    let Denial { principal, action, resource } = denial;
    let message = format!(
        "User: {principal} is not authorized to perform: {action} on resource: {resource} because no identity-based \
         policy allows the {action} action"
    );
    let response = Response::builder();
    match call.service.as_str() {
        "v2" if call.method == Method::HEAD => response.status(403).body(Bytes::new()).unwrap(),
        "v2" => registry_error(403, "DENIED", &message),
        "sts" => {
            let body = format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                 <Code>AccessDenied</Code><Message>{message}</Message></Error><RequestId>x</RequestId></ErrorResponse>"
            );
            response.status(403).header("content-type", "text/xml").body(body.into()).unwrap()
        }
        "s3" => {
            let body = format!("<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>");
            response.status(403).header("content-type", "application/xml").body(body.into()).unwrap()
        }
        "lambda" | "scheduler" => {
            let body = json!({ "Message": message, "message": message }).to_string();
            let response = response.status(403).header("x-amzn-errortype", "AccessDeniedException");
            response.header("content-type", "application/json").body(body.into()).unwrap()
        }
        _ => {
            let body = json!({ "__type": "AccessDeniedException", "message": message }).to_string();
            let response = response.status(400).header("content-type", "application/x-amz-json-1.1");
            response.body(body.into()).unwrap()
        }
    }
}
