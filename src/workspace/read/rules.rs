//! Reads what says which files are inputs of a project.

use super::Reader;
use crate::config::ProjectConfig;
use crate::git::GitError;
use crate::infer::{self, InferError};
use crate::model::ProjectName;
use crate::patterns::Patterns;
use crate::workspace::input_rules::{self, pattern_files};
use crate::workspace::{FolderContext, InferredInputs, InputRules, Variant, ignore_files};

impl Reader<'_, '_> {
    /// What says which files are inputs; `None` where a problem was noted.
    pub(super) fn input_rules(
        &mut self,
        name: &ProjectName,
        config: &ProjectConfig,
        variants: &[Variant],
    ) -> Result<Option<InputRules>, GitError> {
        for file in pattern_files(config) {
            if let Some(text) = self.snapshot.read(&file)? {
                let patterns = Patterns::parse(&text, &config.path.value)
                    .unwrap_or_else(|errors| self.bad_patterns(&file.to_string(), 1, &errors));
                return Ok(Some(InputRules::Patterns { file, patterns }));
            }
        }
        if let Some(named) = &config.patterns {
            let message =
                format!("`patterns` of `{name}`: there is no file `{}` in this commit", named.value);
            self.problem(self.file, named.line, message);
            return Ok(None);
        }
        let sources = match input_rules::sources(config, variants, self.snapshot) {
            Ok(sources) => sources.into(),
            Err(error) => return self.cannot_infer(config, error).map(|()| None),
        };
        let context = self.context(config)?;
        Ok(context.map(|context| InputRules::Inferred(InferredInputs { sources, context })))
    }

    /// The build context, with what it leaves out; `None` where a problem was noted.
    pub(super) fn context(&mut self, config: &ProjectConfig) -> Result<Option<FolderContext>, GitError> {
        match infer::ignored(&ignore_files(config), self.snapshot) {
            Ok(ignore) => {
                let folder = config.context.value.clone();
                Ok(Some(FolderContext { folder, line: config.line, ignore }))
            }
            Err(error) => self.cannot_infer(config, error).map(|()| None),
        }
    }

    fn cannot_infer(&mut self, config: &ProjectConfig, error: InferError) -> Result<(), GitError> {
        match error {
            InferError::Git(error) => return Err(error),
            InferError::Dockerfile(error) => {
                let line = error.line().unwrap_or(1);
                self.problem_of(&config.dockerfile.value.to_string(), line, &error);
            }
            InferError::DockerIgnore { file, source } => {
                self.problem_of(&file.to_string(), source.line, &source);
            }
        }
        Ok(())
    }
}
