//! Whether services are told of the same things as before; how long they are waited for is none of them, nor is who tells
//! them.

use crate::config::{AppRunner, EcsScheduled, EcsTask, Service, ServiceConfig, TaskSettings, Template};
use crate::model::{Fingerprint, Fingerprinter};

/// The fingerprint of all services of a project, in their order.
pub(super) fn service_fingerprint(services: &[ServiceConfig]) -> Fingerprint {
    match services {
        [] => of_kind("none").finish(),
        [only] => of_config(only),
        several => {
            let each = several.iter().map(|config| of_config(config).to_string());
            each.fold(Fingerprinter::new("services/1"), Fingerprinter::field).finish()
        }
    }
}

/// A service of the same name in another region is another one.
fn of_config(ServiceConfig { service, region, .. }: &ServiceConfig) -> Fingerprint {
    let region = region.iter().flat_map(|region| ["region", region.as_str()]);
    region.fold(of_service(service), Fingerprinter::field).finish()
}

fn of_service(service: &Service) -> Fingerprinter {
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

fn of_task(EcsTask { cluster, family, command, settings }: &EcsTask) -> Fingerprinter {
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
    fields.into_iter().fold(of_kind("ecs-task"), Fingerprinter::field)
}

fn fingerprint<'t>(kind: &str, fields: impl IntoIterator<Item = &'t Template>) -> Fingerprinter {
    fields.into_iter().map(Template::to_string).fold(of_kind(kind), Fingerprinter::field)
}

fn of_kind(kind: &str) -> Fingerprinter {
    Fingerprinter::new("service/1").field(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AssumedRole;

    fn service(name: &str) -> ServiceConfig {
        let service = Service::Lambda { name: name.parse().unwrap(), alias: None };
        ServiceConfig { service, region: None, role: None, timeout: None }
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

    #[test]
    fn another_region_is_another_service_and_another_role_is_not() {
        let here = service("api");
        let there = ServiceConfig { region: Some("eu-west-2".parse().unwrap()), ..here.clone() };
        let role =
            AssumedRole { arn: "arn:aws:iam::222222222222:role/p".parse().unwrap(), external_id: None };
        let by_another = ServiceConfig { role: Some(Box::new(role)), ..here.clone() };

        let [of_here, of_there, of_another] =
            [&here, &there, &by_another].map(|config| service_fingerprint(std::slice::from_ref(config)));
        assert_ne!(of_here, of_there);
        assert_eq!(of_here, of_another);
        assert_ne!(service_fingerprint(&[here.clone(), here.clone()]), service_fingerprint(&[here, there]));
    }
}
