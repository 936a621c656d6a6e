//! Reads Dockerfiles together with the triggers (`ONBUILD`) of our own images that they start from.

use std::collections::BTreeMap;

use super::Reader;
use crate::config::ProjectConfig;
use crate::dockerfile::{Dockerfile, DockerfileError, Parameters, Trigger};
use crate::git::GitError;
use crate::model::{Platform, ProjectName};
use crate::workspace::ParentImage;

impl Reader<'_, '_> {
    /// A Dockerfile with what the triggers of our own images do in it.
    pub(super) fn dockerfile(
        &mut self,
        name: &ProjectName,
        config: &ProjectConfig,
        platform: Option<&Platform>,
        text: &[u8],
    ) -> Result<Result<Dockerfile, DockerfileError>, GitError> {
        let (contexts, build_args) = (&config.contexts.keys().collect(), &config.build_args);
        let parameters = Parameters { build_args, platform, contexts, triggers: &BTreeMap::new() };
        let dockerfile = match Dockerfile::parse_with(text, parameters) {
            Ok(dockerfile) => dockerfile,
            Err(error) => return Ok(Err(error)),
        };
        let mut triggers = BTreeMap::new();
        for reference in dockerfile.stages().iter().filter_map(|stage| dockerfile.base(stage)) {
            if let ParentImage::Project(project) = self.names.resolve(name, config, reference) {
                let of_image = self.triggers(&project)?;
                if !of_image.is_empty() {
                    triggers.insert(reference.to_owned(), of_image.to_vec());
                }
            }
        }
        if triggers.is_empty() {
            return Ok(Ok(dockerfile));
        }
        Ok(Dockerfile::parse_with(text, Parameters { triggers: &triggers, ..parameters }))
    }

    /// The triggers of a project's image. None where its Dockerfile can't be used, which is a problem of its own.
    fn triggers(&mut self, project: &ProjectName) -> Result<&[Trigger], GitError> {
        if !self.triggers.contains_key(project) {
            let triggers = match self.names.config(project) {
                Some(config) => self.read_triggers(config)?,
                None => Vec::new(),
            };
            self.triggers.insert(project.clone(), triggers);
        }
        Ok(&self.triggers[project])
    }

    fn read_triggers(&self, config: &ProjectConfig) -> Result<Vec<Trigger>, GitError> {
        const KEYWORD: &[u8] = b"ONBUILD";
        let Some(text) = self.snapshot.read(&config.dockerfile.value)? else { return Ok(Vec::new()) };
        if !text.windows(KEYWORD.len()).any(|word| word.eq_ignore_ascii_case(KEYWORD)) {
            return Ok(Vec::new());
        }
        let parameters = Parameters {
            build_args: &config.build_args,
            platform: config.platforms.first(),
            contexts: &config.contexts.keys().collect(),
            triggers: &BTreeMap::new(),
        };
        let Ok(dockerfile) = Dockerfile::parse_with(&text, parameters) else { return Ok(Vec::new()) };
        Ok(dockerfile.triggers_of(config.target.as_ref()).map(<[Trigger]>::to_vec).unwrap_or_default())
    }
}
