//! Whether services are told of the same things as before; how long they are waited for is none of them.

use crate::config::{AppRunner, EcsScheduled, EcsTask, Service, ServiceConfig, TaskSettings, Template};
use crate::model::{Fingerprint, Fingerprinter};

/// The fingerprint of all services of a project, in their order.
pub(super) fn service_fingerprint(services: &[ServiceConfig]) -> Fingerprint {
    match services {
        [] => fingerprint("none", []),
        [only] => of_service(&only.service),
        several => {
            let each = several.iter().map(|config| of_service(&config.service).to_string());
            each.fold(Fingerprinter::new("services/1"), Fingerprinter::field).finish()
        }
    }
}

fn of_service(service: &Service) -> Fingerprint {
    match service {
        Service::Ecs { cluster, name } => fingerprint("ecs", [cluster, name]),
        Service::EcsExpress(express) => {
            let roles = express.roles.iter().flat_map(|roles| [&roles.execution, &roles.infrastructure]);
            fingerprint("ecs-express", [&express.cluster, &express.name].into_iter().chain(roles))
        }
        Service::EcsTask(task) => of_task(task),
        Service::EcsScheduled(EcsScheduled::Schedule { name, group }) => {
            fingerprint("ecs-scheduled-schedule", [name].into_iter().chain(group))
        }
        Service::EcsScheduled(EcsScheduled::Rule { name, bus }) => {
            fingerprint("ecs-scheduled-rule", [name].into_iter().chain(bus))
        }
        Service::EcsScheduled(EcsScheduled::Family(name)) => fingerprint("ecs-scheduled-family", [name]),
        Service::Lambda { name, alias } => fingerprint("lambda", [name].into_iter().chain(alias)),
        Service::AppRunner(AppRunner::Name(name)) => fingerprint("apprunner-name", [name]),
        Service::AppRunner(AppRunner::Arn(arn)) => fingerprint("apprunner-arn", [arn]),
        Service::Command { program, arguments } => {
            fingerprint("command", std::iter::once(program).chain(arguments))
        }
    }
}

fn of_task(EcsTask { cluster, family, command, settings }: &EcsTask) -> Fingerprint {
    // Lists are told apart by what stands before them.
    let list = |name: &str, values: &[Template]| {
        let values = values.iter().map(Template::to_string);
        std::iter::once(format!("{name} {}", values.len())).chain(values).collect::<Vec<_>>()
    };
    let settings = match settings {
        TaskSettings::None => Vec::new(),
        TaskSettings::OfService(service) => vec!["like".to_owned(), service.to_string()],
        TaskSettings::Network { subnets, security_groups } => {
            [list("subnets", subnets), list("security_groups", security_groups)].concat()
        }
    };
    let fields = [vec![cluster.to_string(), family.to_string()], list("command", command), settings].concat();
    fields.into_iter().fold(of_kind("ecs-task"), Fingerprinter::field).finish()
}

fn fingerprint<'t>(kind: &str, fields: impl IntoIterator<Item = &'t Template>) -> Fingerprint {
    fields.into_iter().map(Template::to_string).fold(of_kind(kind), Fingerprinter::field).finish()
}

fn of_kind(kind: &str) -> Fingerprinter {
    Fingerprinter::new("service/1").field(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> ServiceConfig {
        let service = Service::Lambda { name: name.parse().unwrap(), alias: None };
        ServiceConfig { service, timeout: None }
    }

    // Otherwise the first deployment by a new version would restart every service.
    #[test]
    fn the_fingerprint_of_one_service_is_what_it_was_when_there_could_be_only_one() {
        let expected = Fingerprinter::new("service/1").field("lambda").field("api").finish();
        assert_eq!(service_fingerprint(&[service("api")]), expected);
        let none = Fingerprinter::new("service/1").field("none").finish();
        assert_eq!(service_fingerprint(&[]), none);
    }

    #[test]
    fn services_in_another_order_are_other_services() {
        let (one, other) = (service("a"), service("b"));
        let [both, turned] = [[one.clone(), other.clone()], [other, one]];
        assert_ne!(service_fingerprint(&both), service_fingerprint(&turned));
    }
}
