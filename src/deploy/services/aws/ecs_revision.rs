//! Revisions of ECS's task definitions.
//!
//! A new one is made of one that is there, with all its fields, also those of an ECS to come.

use serde_json::{Value, json};

use super::ecs_client::EcsClient;
use super::ecs_types::{TaskAnswer, TaskDefinition};
use super::{Deployment, ServiceError, Wait};
use crate::model::{ImageRef, printable};

/// A revision of a task definition.
pub(super) struct Revision {
    task: TaskDefinition,
    tags: Vec<Value>,
    /// Which of its containers run the project.
    chosen: Vec<usize>,
}

impl Revision {
    /// Reads a revision by its ARN, or the newest of a family.
    pub(super) async fn read(
        ecs: &EcsClient<'_>,
        name: &str,
        deployment: &Deployment<'_>,
    ) -> Result<Self, ServiceError> {
        let input = json!({ "taskDefinition": name, "include": ["TAGS"] });
        let answer: TaskAnswer =
            ecs.call("read the task definition of", "DescribeTaskDefinition", &input).await?;
        // AWS gives such tags itself and takes them from nobody.
        let is_own = |tag: &Value| !text(tag, "key").is_some_and(|key| key.starts_with("aws:"));
        let tags = answer.tags.into_iter().filter(is_own).collect();
        let Some(task) = answer.task_definition else {
            return Err(ecs.not_there(format!(": its task definition `{}` is missing", printable(name))));
        };
        let chosen = containers_of(task.containers(), deployment).map_err(|containers| {
            let (service, repository) = (ecs.label.clone(), deployment.image.repository.clone());
            ServiceError::WhichContainer { service, repository, containers }
        })?;
        Ok(Self { task, tags, chosen })
    }

    pub(super) fn arn(&self) -> Option<&str> {
        self.task.arn()
    }

    pub(super) fn task(&self) -> &TaskDefinition {
        &self.task
    }

    /// The names of the containers that run the project.
    pub(super) fn container_names(&self) -> impl Iterator<Item = &str> {
        self.chosen.iter().filter_map(|&index| text(&self.task.containers()[index], "name"))
    }

    /// The image that it runs; of several, one that isn't `wanted`.
    pub(super) fn image(&self, wanted: &ImageRef) -> String {
        let wanted = wanted.to_string();
        self.images().max_by_key(|image| **image != wanted).unwrap_or_default().to_owned()
    }

    pub(super) fn runs(&self, wanted: &ImageRef) -> bool {
        self.image(wanted) == wanted.to_string()
    }

    fn images(&self) -> impl Iterator<Item = &str> {
        self.chosen.iter().map(|&index| text(&self.task.containers()[index], "image").unwrap_or_default())
    }

    /// Registers a revision like this one with another image, and returns its ARN.
    pub(super) async fn register(
        mut self,
        ecs: &EcsClient<'_>,
        image: &ImageRef,
        wait: &mut Wait,
    ) -> Result<String, ServiceError> {
        for index in self.chosen {
            self.task.set_image(index, &image.to_string());
        }
        let input = self.task.into_input(self.tags);
        let action = "register a task definition for";
        let registered: TaskAnswer = ecs.call_in_turn(action, "RegisterTaskDefinition", &input, wait).await?;
        let arn = registered.task_definition.and_then(|task| task.arn().map(str::to_owned));
        arn.ok_or_else(|| ecs.refused("ECS does not say the ARN of its new task definition".to_owned()))
    }
}

pub(super) fn text<'v>(object: &'v Value, field: &str) -> Option<&'v str> {
    object.get(field)?.as_str()
}

/// Which containers run the project: those whose image is of its repository, else the one
/// that has the project's name, else the only one.
///
/// The error is what there is to choose from.
fn containers_of(containers: &[Value], deployment: &Deployment<'_>) -> Result<Vec<usize>, String> {
    let indices = |matches: &dyn Fn(&Value) -> bool| -> Vec<usize> {
        (0..containers.len()).filter(|&index| matches(&containers[index])).collect()
    };
    let by_repository = indices(&|container| {
        let image = text(container, "image").and_then(|image| image.parse::<ImageRef>().ok());
        image.is_some_and(|image| image.repository == deployment.image.repository)
    });
    if !by_repository.is_empty() {
        return Ok(by_repository);
    }
    let by_name = indices(&|container| text(container, "name") == Some(deployment.project.as_str()));
    if !by_name.is_empty() || containers.len() == 1 {
        return Ok(if by_name.is_empty() { vec![0] } else { by_name });
    }
    let shown = |container: &Value| {
        let [name, image] = ["name", "image"].map(|field| text(container, field).unwrap_or_default());
        printable(&format!("`{name}` with `{image}`"))
    };
    let shown: Vec<String> = containers.iter().map(shown).collect();
    Err(if shown.is_empty() { "none".to_owned() } else { shown.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CommitId, ObjectId};

    fn chosen(containers: &[(&str, &str)]) -> Result<Vec<usize>, String> {
        let container = |(name, image): &(&str, &str)| json!({ "name": name, "image": image });
        let containers: Vec<Value> = containers.iter().map(container).collect();
        let image = format!("1.dkr.example/team/api@sha256:{}", "0".repeat(64)).parse().unwrap();
        let deployment = Deployment {
            workspace: &"shop".parse().unwrap(),
            environment: &"dev".parse().unwrap(),
            project: &"api".parse().unwrap(),
            repository: &"api".parse().unwrap(),
            commit: CommitId(ObjectId::Sha1([0; 20])),
            image: &image,
        };
        containers_of(&containers, &deployment)
    }

    #[test]
    fn the_containers_of_the_repository_come_first_then_the_project_s_name_then_the_only_one() {
        assert_eq!(chosen(&[("api", "nginx"), ("x", "2.dkr.example/team/api:old")]), Ok(vec![1]));
        assert_eq!(chosen(&[("a", "team/api:1"), ("b", "x/y"), ("c", "team/api:2")]), Ok(vec![0, 2]));
        assert_eq!(chosen(&[("proxy", "nginx"), ("api", "placeholder")]), Ok(vec![1]));
        assert_eq!(chosen(&[("main", "placeholder")]), Ok(vec![0]));
    }

    #[test]
    fn where_it_is_not_clear_the_containers_are_listed() {
        assert_eq!(chosen(&[("a", "x"), ("b", "y")]), Err("`a` with `x`, `b` with `y`".to_owned()));
        assert_eq!(chosen(&[]), Err("none".to_owned()));
    }
}
