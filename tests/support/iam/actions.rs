//! Which actions of IAM a request takes, and on what.
//!
//! The source is the Service Authorization Reference; what a call takes besides its own action, such as `iam:PassRole`, is there
//! in the column "Dependent actions", or in the guide of the service. For `/v2/` of ECR it is the API of the same purpose
//! ("Amazon ECR actions", "ListImageReferrers" in botocore's model).

use hyper::Method;
use serde_json::Value;

use super::policy::Context;

/// A request, and by whom it is.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// As signatures name it, or `v2`.
    pub(crate) service: String,
    pub(crate) region: String,
    /// Of the one who asks; for `v2`, of the registry.
    pub(crate) account: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Of services that are told what to do by a header or a form.
    pub(crate) operation: String,
    pub(crate) body: Value,
}

/// One thing that has to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) context: Context,
}

impl Demand {
    fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: Context::new() }
    }

    fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.context.insert(key, vec![value.into()]);
        self
    }
}

impl Call {
    /// Nothing for what everybody may do.
    pub(crate) fn demands(&self) -> Vec<Demand> {
        match self.service.as_str() {
            "v2" => self.registry(),
            "ecr" => self.ecr(),
            "sts" => self.sts(),
            "ecs" => self.ecs(),
            "lambda" => vec![self.lambda()],
            "apprunner" => self.apprunner(),
            "scheduler" => self.scheduler(),
            "events" => self.events(),
            "secretsmanager" => {
                let name = self.text("SecretId");
                let arn = match name.starts_with("arn:") {
                    true => name,
                    false => self.arn("secretsmanager", &format!("secret:{name}-AbCdEf")),
                };
                vec![Demand::new(format!("secretsmanager:{}", self.operation), arn)]
            }
            "ssm" => {
                let name = self.text("Name");
                let name = name.rsplit_once(":parameter/").map_or(&*name, |(_, name)| name);
                let arn = self.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')));
                vec![Demand::new(format!("ssm:{}", self.operation), arn)]
            }
            "s3" => vec![self.s3()],
            "dynamodb" => {
                let table = self.text("TableName");
                vec![Demand::new(
                    format!("dynamodb:{}", self.operation),
                    self.arn("dynamodb", &format!("table/{table}")),
                )]
            }
            other => panic!("the service `{other}` is not known here: {self:?}"),
        }
    }

    fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_default().to_owned()
    }

    fn texts(&self, field: &str) -> Vec<String> {
        let texts = self.body[field].as_array().into_iter().flatten();
        texts.filter_map(|text| Some(text.as_str()?.to_owned())).collect()
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    fn repository(&self, name: &str) -> String {
        self.arn("ecr", &format!("repository/{name}"))
    }

    fn registry(&self) -> Vec<Demand> {
        let rest = self.path.trim_start_matches("/v2/");
        let demand =
            |action: &str, name: &str| vec![Demand::new(format!("ecr:{action}"), self.repository(name))];
        let is_read = matches!(self.method, Method::GET | Method::HEAD);
        if rest.is_empty() {
            return Vec::new();
        }
        if let Some((name, _)) = rest.split_once("/manifests/") {
            return match is_read {
                true => demand("BatchGetImage", name),
                false => demand("PutImage", name),
            };
        }
        if let Some((name, _)) = rest.split_once("/referrers/") {
            return demand("BatchGetImage", name);
        }
        if let Some((name, _)) = rest.split_once("/tags/list") {
            return demand("ListImages", name);
        }
        if let Some((name, _)) = rest.split_once("/blobs/uploads/") {
            return match self.method.as_str() {
                "POST" => demand("InitiateLayerUpload", name),
                "PATCH" => demand("UploadLayerPart", name),
                // The layer may be in it.
                "PUT" => [demand("UploadLayerPart", name), demand("CompleteLayerUpload", name)].concat(),
                _ => demand("InitiateLayerUpload", name),
            };
        }
        let (name, _) = rest.split_once("/blobs/").unwrap_or_else(|| panic!("{self:?}"));
        match self.method == Method::HEAD {
            true => demand("BatchCheckLayerAvailability", name),
            false => demand("GetDownloadUrlForLayer", name),
        }
    }

    fn ecr(&self) -> Vec<Demand> {
        let action = format!("ecr:{}", self.operation);
        let repository = match self.operation.as_str() {
            "GetAuthorizationToken" | "GetAccountSetting" => return vec![Demand::new(action, "*")],
            "DescribeRepositories" => {
                let names = self.texts("repositoryNames");
                return names.iter().map(|name| Demand::new(&*action, self.repository(name))).collect();
            }
            "ListTagsForResource" | "TagResource" => self.text("resourceArn"),
            _ => self.repository(&self.text("repositoryName")),
        };
        let mut demands = vec![Demand::new(action, &*repository)];
        if self.operation == "CreateRepository" {
            if self.body["tags"].as_array().is_some_and(|tags| !tags.is_empty()) {
                demands.push(Demand::new("ecr:TagResource", repository));
            }
            if let Some(key) = self.body["encryptionConfiguration"]["kmsKey"].as_str() {
                let aliases = key.rsplit(':').next().filter(|name| name.starts_with("alias/"));
                let id = key.rsplit('/').next().unwrap();
                let arn = match (aliases, key.starts_with("arn:")) {
                    (None, true) => key.to_owned(),
                    _ => self.arn("kms", &format!("key/{id}")),
                };
                demands.extend(["kms:CreateGrant", "kms:DescribeKey"].map(|action| {
                    let demand = Demand::new(action, &*arn);
                    match aliases {
                        Some(alias) => demand.with("kms:ResourceAliases", alias),
                        None => demand,
                    }
                }));
            }
        }
        demands
    }

    fn sts(&self) -> Vec<Demand> {
        match self.operation.as_str() {
            "GetCallerIdentity" => Vec::new(),
            "AssumeRole" => vec![Demand::new("sts:AssumeRole", self.text("RoleArn"))],
            other => panic!("sts:{other} is not known here"),
        }
    }

    fn pass_role(&self, role: &Value, service: &str) -> Option<Demand> {
        let role = role.as_str()?;
        let arn = match role.starts_with("arn:") {
            true => role.to_owned(),
            false => format!("arn:aws:iam::{}:role/{role}", self.account),
        };
        Some(Demand::new("iam:PassRole", arn).with("iam:PassedToService", service))
    }

    fn ecs(&self) -> Vec<Demand> {
        let action = format!("ecs:{}", self.operation);
        let cluster = self.text("cluster");
        let cluster_arn = self.arn("ecs", &format!("cluster/{cluster}"));
        let service = |name: &str| self.arn("ecs", &format!("service/{cluster}/{name}"));
        let body = &self.body;
        match self.operation.as_str() {
            "DescribeServices" => {
                self.texts("services").iter().map(|name| Demand::new(&*action, service(name))).collect()
            }
            "UpdateService" => vec![Demand::new(action, service(&self.text("service")))],
            "DescribeServiceDeployments" => {
                let arns = self.texts("serviceDeploymentArns");
                arns.iter().map(|arn| Demand::new(&*action, &**arn)).collect()
            }
            "RegisterTaskDefinition" => {
                let own = Demand::new(action, "*");
                let tags = body["tags"].as_array().filter(|tags| !tags.is_empty()).map(|_| {
                    let family = self.text("family");
                    Demand::new("ecs:TagResource", self.arn("ecs", &format!("task-definition/{family}:1")))
                });
                let roles = ["taskRoleArn", "executionRoleArn"].map(|role| &body[role]);
                let roles =
                    roles.into_iter().filter_map(|role| self.pass_role(role, "ecs-tasks.amazonaws.com"));
                std::iter::once(own).chain(tags).chain(roles).collect()
            }
            "RunTask" => {
                let definition = self.text("taskDefinition");
                let arn = match definition.starts_with("arn:") {
                    true => definition,
                    false => self.arn("ecs", &format!("task-definition/{definition}")),
                };
                vec![Demand::new(action, arn).with("ecs:cluster", cluster_arn)]
            }
            "ListTasks" | "DescribeTasks" => {
                vec![Demand::new(action, self.arn("ecs", "task/x")).with("ecs:cluster", cluster_arn)]
            }
            "DescribeExpressGatewayService" | "UpdateExpressGatewayService" => {
                vec![Demand::new(action, self.text("serviceArn"))]
            }
            "CreateExpressGatewayService" => {
                let own = Demand::new(action, service(&self.text("serviceName")));
                let roles = [
                    (&body["executionRoleArn"], "ecs-tasks.amazonaws.com"),
                    (&body["infrastructureRoleArn"], "ecs.amazonaws.com"),
                ];
                let roles = roles.into_iter().filter_map(|(role, service)| self.pass_role(role, service));
                std::iter::once(own).chain(roles).collect()
            }
            _ => vec![Demand::new(action, "*")],
        }
    }

    fn lambda(&self) -> Demand {
        let rest = self.path.trim_start_matches("/2015-03-31/functions/");
        let (name, of) = rest.split_once('/').unwrap_or((rest, ""));
        let action = match (self.method.as_str(), of.split('/').next().unwrap_or_default()) {
            ("GET", "") => "GetFunction",
            ("GET", "configuration") => "GetFunctionConfiguration",
            ("PUT", "code") => "UpdateFunctionCode",
            ("POST", "versions") => "PublishVersion",
            ("GET", "aliases") => "GetAlias",
            ("PUT", "aliases") => "UpdateAlias",
            _ => panic!("{self:?}"),
        };
        let qualifier = self.query.strip_prefix("Qualifier=").map(|it| format!(":{it}"));
        let resource = format!("function:{name}{}", qualifier.unwrap_or_default());
        Demand::new(format!("lambda:{action}"), self.arn("lambda", &resource))
    }

    fn apprunner(&self) -> Vec<Demand> {
        let action = format!("apprunner:{}", self.operation);
        let resource = match self.operation.as_str() {
            "ListServices" => "*".to_owned(),
            _ => self.text("ServiceArn"),
        };
        let role = &self.body["SourceConfiguration"]["AuthenticationConfiguration"]["AccessRoleArn"];
        let role = self.pass_role(role, "build.apprunner.amazonaws.com");
        std::iter::once(Demand::new(action, resource)).chain(role).collect()
    }

    fn scheduler(&self) -> Vec<Demand> {
        let action = if self.method == Method::GET { "GetSchedule" } else { "UpdateSchedule" };
        let name = self.path.trim_start_matches("/schedules/");
        let group = self.query.strip_prefix("groupName=").map(str::to_owned);
        let group = group.or_else(|| self.body["GroupName"].as_str().map(str::to_owned));
        let resource = format!("schedule/{}/{name}", group.unwrap_or_else(|| "default".to_owned()));
        let own = Demand::new(format!("scheduler:{action}"), self.arn("scheduler", &resource));
        let role = self.pass_role(&self.body["Target"]["RoleArn"], "scheduler.amazonaws.com");
        std::iter::once(own).chain(role).collect()
    }

    fn events(&self) -> Vec<Demand> {
        let rule = match self.body["EventBusName"].as_str() {
            Some(bus) if bus != "default" => format!("rule/{bus}/{}", self.text("Rule")),
            _ => format!("rule/{}", self.text("Rule")),
        };
        let own = Demand::new(format!("events:{}", self.operation), self.arn("events", &rule));
        let targets = self.body["Targets"].as_array().into_iter().flatten();
        let roles = targets.filter_map(|target| self.pass_role(&target["RoleArn"], "events.amazonaws.com"));
        std::iter::once(own).chain(roles).collect()
    }

    /// The bucket is in the path.
    fn s3(&self) -> Demand {
        let path = self.path.trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let action = match (self.method.as_str(), key) {
            ("GET" | "HEAD", "") => "ListBucket",
            ("GET" | "HEAD", _) => "GetObject",
            ("PUT" | "POST", _) => "PutObject",
            ("DELETE", _) => "DeleteObject",
            _ => panic!("{self:?}"),
        };
        let resource = if key.is_empty() { bucket.to_owned() } else { format!("{bucket}/{key}") };
        Demand::new(format!("s3:{action}"), format!("arn:aws:s3:::{resource}"))
    }
}
