//! What is done with services.

use super::arn::{ANY, Location};
use super::collector::Collector;
use super::registries::DeployScope;
use super::table::Need;
use crate::config::{
    AppRunner, EcsExpress, EcsScheduled, EcsTask, EnvironmentName, Placeholder, Service, ServiceConfig,
    TaskSettings, Template,
};
use crate::deploy;
use crate::model::{AwsIdentity, ProjectName};
use crate::workspace::Project;

/// Who updates a service, and where it is.
struct At {
    identity: AwsIdentity,
    location: Location,
}

impl Collector<'_> {
    /// Asks services what they run, for a plan.
    pub(super) fn look_at_services(&mut self, environment: &EnvironmentName, scope: &DeployScope) {
        let workspace = self.request.workspace;
        for (name, project) in workspace.projects.iter().filter(|(_, it)| it.config.is_deployed) {
            for config in &project.config.services {
                if matches!(config.service, Service::Command { .. }) {
                    continue;
                }
                let at = self.place(config, scope);
                let fill = |template: &Template| self.fill(template, environment, name, project);
                let filled = Filled::new(&config.service, fill);
                self.look(&at, &filled);
            }
        }
    }

    fn look(&mut self, at: &At, service: &Filled) {
        let mut allow = |needs: &[Need], names: &[(&str, &str)]| {
            self.allow(&at.identity, None, needs, &at.location, names);
        };
        match service {
            Filled::Ecs { cluster, name } => {
                let names = [("cluster", &**cluster), ("name", name)];
                allow(&[Need::DescribeEcsService, Need::DescribeTaskDefinition], &names);
            }
            Filled::EcsExpress { cluster, name, .. } => {
                let names = [("cluster", &**cluster), ("name", name)];
                allow(&[Need::DescribeEcsService, Need::DescribeExpressService], &names);
            }
            Filled::EcsTask { .. } | Filled::Family(_) => allow(&[Need::DescribeTaskDefinition], &[]),
            Filled::Schedule { group, name } => {
                let names = [("group", &**group), ("name", name)];
                allow(&[Need::DescribeSchedule, Need::DescribeTaskDefinition], &names);
            }
            Filled::Rule { name } => {
                allow(&[Need::DescribeRule, Need::DescribeTaskDefinition], &[("name", name)]);
            }
            Filled::Function { name, has_alias } => {
                let arn = function_arn(at, name);
                let resource = if *has_alias { format!("{arn}:{ANY}") } else { arn };
                allow(&[Need::DescribeFunction], &[("function", &resource)]);
            }
            Filled::AppRunner { arn: Some(arn), .. } => {
                allow(&[Need::DescribeAppRunnerService], &[("service", arn)]);
            }
            Filled::AppRunner { name, arn: None } => {
                let arn = app_runner_arn(at, name);
                allow(&[Need::ListAppRunnerServices, Need::DescribeAppRunnerService], &[("service", &arn)]);
            }
            Filled::Command => {}
        }
    }

    pub(super) fn restart_services(&mut self, environment: &EnvironmentName, scope: &DeployScope) {
        let workspace = self.request.workspace;
        for (name, project) in workspace.projects.iter().filter(|(_, it)| it.config.is_deployed) {
            for config in &project.config.services {
                if matches!(config.service, Service::Command { .. }) {
                    self.note(format!(
                        "what the `command` of `{name}` needs in AWS is not known, and not in the policies"
                    ));
                    continue;
                }
                if !matches!(config.service, Service::Lambda { .. } | Service::EcsExpress(_)) {
                    self.note_roles();
                }
                let at = self.place(config, scope);
                let fill = |template: &Template| self.fill(template, environment, name, project);
                let filled = Filled::new(&config.service, fill);
                self.restart(&at, &filled);
            }
        }
    }

    /// The roles that services and tasks have are in AWS alone.
    fn note_roles(&mut self) {
        self.note("`iam:PassRole` allows every role of the account, for one service of AWS: name those that tasks, schedules and services have");
    }

    fn place(&mut self, config: &ServiceConfig, scope: &DeployScope) -> At {
        let role = config.role.as_deref().cloned().or_else(|| scope.identity.role.clone());
        let account = match (&config.role, &scope.account) {
            (Some(role), _) => Some(role.arn.account().to_owned()),
            (None, account) => account.clone(),
        };
        let region = config.region.as_ref().or(scope.region.as_ref());
        if region.is_none() || account.is_none() {
            self.note("the region or the account of a service is not known, so the policy allows every one");
        }
        let identity = AwsIdentity { profile: scope.identity.profile.clone(), role };
        At { identity, location: Location::new(region, account.as_deref()) }
    }

    fn fill(
        &self,
        template: &Template,
        environment: &EnvironmentName,
        name: &ProjectName,
        project: &Project,
    ) -> String {
        let workspace = &self.request.workspace.settings.name;
        template.fill(|place| match place {
            Placeholder::DeployTag => deploy::deploy_tag(workspace, environment),
            Placeholder::Workspace => workspace.to_string(),
            Placeholder::Environment => environment.to_string(),
            Placeholder::Project => name.to_string(),
            Placeholder::Repository => project.config.repository.to_string(),
            Placeholder::Commit | Placeholder::Image => ANY.to_owned(),
        })
    }

    fn restart(&mut self, at: &At, service: &Filled) {
        let mut allow = |needs: &[Need], names: &[(&str, &str)]| {
            self.allow(&at.identity, None, needs, &at.location, names);
        };
        match service {
            Filled::Ecs { cluster, name } => {
                let names = [("cluster", &**cluster), ("name", name)];
                allow(&[Need::UpdateEcsService, Need::DescribeServiceDeployments], &names);
                allow(
                    &[Need::TaskDefinitions, Need::TagTaskDefinitions, Need::PassTaskRoles],
                    &[("family", ANY)],
                );
            }
            Filled::EcsExpress { cluster, name, roles } => {
                let names = [("cluster", &**cluster), ("name", name)];
                let needs =
                    [Need::DescribeEcsService, Need::UpdateExpressService, Need::DescribeServiceDeployments];
                allow(&needs, &names);
                if let Some([execution, infrastructure]) = roles {
                    allow(&[Need::CreateExpressService], &names);
                    allow(&[Need::PassExpressExecutionRole], &[("role", execution)]);
                    allow(&[Need::PassExpressInfrastructureRole], &[("role", infrastructure)]);
                }
            }
            Filled::EcsTask { cluster, family, like } => {
                let revisions = format!("{family}:{ANY}");
                let names = [("cluster", &**cluster), ("family", &revisions)];
                allow(&[Need::TaskDefinitions, Need::TagTaskDefinitions, Need::PassTaskRoles], &names);
                allow(&[Need::RunTask, Need::WatchTasks], &names);
                if let Some(service) = like {
                    allow(&[Need::DescribeEcsService], &[("cluster", cluster), ("name", service)]);
                }
            }
            Filled::Schedule { group, name } => {
                allow(&[Need::UpdateSchedule, Need::PassScheduleRole], &[("group", group), ("name", name)]);
                allow(
                    &[Need::TaskDefinitions, Need::TagTaskDefinitions, Need::PassTaskRoles],
                    &[("family", ANY)],
                );
            }
            Filled::Rule { name } => {
                allow(&[Need::UpdateRule, Need::PassRuleRole], &[("name", name)]);
                allow(
                    &[Need::TaskDefinitions, Need::TagTaskDefinitions, Need::PassTaskRoles],
                    &[("family", ANY)],
                );
            }
            Filled::Family(family) => {
                let revisions = format!("{family}:{ANY}");
                let needs = [Need::TaskDefinitions, Need::TagTaskDefinitions, Need::PassTaskRoles];
                allow(&needs, &[("family", &revisions)]);
            }
            Filled::Function { name, has_alias } => {
                let arn = function_arn(at, name);
                let names = [("function", &*arn)];
                allow(&[Need::UpdateFunction], &names);
                if *has_alias {
                    allow(&[Need::MoveAlias, Need::LookAtVersions], &names);
                }
            }
            Filled::AppRunner { arn: Some(arn), .. } => {
                allow(&[Need::UpdateAppRunnerService, Need::PassAppRunnerRole], &[("service", arn)]);
            }
            Filled::AppRunner { name, arn: None } => {
                let arn = app_runner_arn(at, name);
                allow(&[Need::ListAppRunnerServices], &[]);
                allow(&[Need::UpdateAppRunnerService, Need::PassAppRunnerRole], &[("service", &arn)]);
            }
            Filled::Command => {}
        }
    }
}

fn function_arn(at: &At, name: &str) -> String {
    match name.starts_with("arn:") {
        true => name.to_owned(),
        false => {
            at.location.fill("arn:{partition}:lambda:{region}:{account}:function:{name}", &[("name", name)])
        }
    }
}

/// The ARN of a service ends in an id that App Runner chooses.
fn app_runner_arn(at: &At, name: &str) -> String {
    at.location.fill("arn:{partition}:apprunner:{region}:{account}:service/{name}/*", &[("name", name)])
}

/// A service whose names are known.
enum Filled {
    Ecs { cluster: String, name: String },
    EcsExpress { cluster: String, name: String, roles: Option<[String; 2]> },
    EcsTask { cluster: String, family: String, like: Option<String> },
    Schedule { group: String, name: String },
    Rule { name: String },
    Family(String),
    Function { name: String, has_alias: bool },
    AppRunner { name: String, arn: Option<String> },
    Command,
}

impl Filled {
    fn new(service: &Service, fill: impl Fn(&Template) -> String) -> Self {
        // Clusters, services and families can be given by their ARNs.
        let last = |template: &Template| {
            let text = fill(template);
            text.rsplit('/').next().unwrap_or_default().to_owned()
        };
        let family = |template: &Template| {
            let text = last(template);
            text.split(':').next().unwrap_or_default().to_owned()
        };
        match service {
            Service::Ecs { cluster, name } => Self::Ecs { cluster: last(cluster), name: last(name) },
            Service::EcsExpress(EcsExpress { cluster, name, roles }) => Self::EcsExpress {
                cluster: last(cluster),
                name: last(name),
                roles: roles.as_ref().map(|roles| [fill(&roles.execution), fill(&roles.infrastructure)]),
            },
            Service::EcsTask(EcsTask { cluster, family: name, settings, .. }) => Self::EcsTask {
                cluster: last(cluster),
                family: family(name),
                like: match settings {
                    TaskSettings::OfService(service) => Some(last(service)),
                    TaskSettings::None | TaskSettings::Network { .. } => None,
                },
            },
            Service::EcsScheduled(EcsScheduled::Schedule { name, group }) => Self::Schedule {
                group: group.as_ref().map_or_else(|| "default".to_owned(), &fill),
                name: fill(name),
            },
            Service::EcsScheduled(EcsScheduled::Rule { name, bus }) => Self::Rule {
                name: match bus.as_ref().map(last).filter(|bus| bus != "default") {
                    Some(bus) => format!("{bus}/{}", fill(name)),
                    None => fill(name),
                },
            },
            Service::EcsScheduled(EcsScheduled::Family(name)) => Self::Family(family(name)),
            Service::Lambda { name, alias } => {
                Self::Function { name: fill(name), has_alias: alias.is_some() }
            }
            Service::AppRunner(AppRunner::Name(name)) => Self::AppRunner { name: fill(name), arn: None },
            Service::AppRunner(AppRunner::Arn(arn)) => {
                Self::AppRunner { name: String::new(), arn: Some(fill(arn)) }
            }
            Service::Command { .. } => Self::Command,
        }
    }
}
