//! Targets to builds: paths as seen from the folder that bake is run in.

use std::collections::BTreeMap;

use super::Look;
use super::mounts::Secret;
use super::target::Target;
use super::value::{Text, Unknown};
use crate::git::GitError;
use crate::init::evidence::{Build, Ignored, NamedContext, SecretFrom, resolve};
use crate::model::RepoPath;

/// What to do about a target that can't be read.
pub(super) const REMEDY: &str = "write it out, or add the project by hand";

/// The prefix of paths that bake always looks up where it runs.
const RUN_FOLDER: &str = "cwd://";

/// Makes a build of a target; `None` where it can't be one, which `ignored` then says.
pub(super) fn build(
    target: &Target,
    folder: &RepoPath,
    look: Look<'_>,
    ignored: &mut Vec<Ignored>,
) -> Result<Option<Build>, GitError> {
    let mut reader = Reader { target, folder, ignored };
    let (context, dockerfile) = match reader.paths() {
        Ok(paths) => paths,
        Err(why) => {
            reader.note(why);
            return Ok(None);
        }
    };
    let stage = match target.target.clone().transpose() {
        Ok(stage) => stage.filter(|stage| !stage.is_empty()),
        Err(unknown) => {
            reader.note(reader.unknown("target", &unknown));
            return Ok(None);
        }
    };
    let inline = match target.dockerfile_inline.clone().transpose() {
        Ok(inline) => inline.filter(|text| !text.is_empty()),
        Err(unknown) => {
            reader.note(reader.unknown("dockerfile-inline", &unknown));
            return Ok(None);
        }
    };
    let dockerfile = match inline {
        None => dockerfile,
        Some(_) => free_name(&context, &target.name, look)?,
    };
    let build_args = target.args.iter().map(|(name, value)| (name.clone(), value.clone().ok()));
    Ok(Some(Build {
        says: format!("target `{}` builds it", target.name),
        name: Some(target.name.clone()),
        inline,
        target: stage,
        build_args: build_args.collect(),
        images: reader.images(),
        platforms: reader.platforms(),
        contexts: reader.contexts(),
        secrets: reader.secrets(),
        ssh: target.ssh.clone(),
        context: Some(context),
        ..Build::of(dockerfile, target.at.clone())
    }))
}

/// Where the text of a Dockerfile could be written.
fn free_name(context: &RepoPath, target: &str, look: Look<'_>) -> Result<RepoPath, GitError> {
    let name = |number: usize| match number {
        0 => format!("Dockerfile.{target}"),
        number => format!("Dockerfile.{target}-{number}"),
    };
    let mut number = 0;
    loop {
        let path = context.join_component(name(number).as_bytes());
        if look(&path)?.is_none() {
            return Ok(path);
        }
        number += 1;
    }
}

struct Reader<'r> {
    target: &'r Target,
    folder: &'r RepoPath,
    ignored: &'r mut Vec<Ignored>,
}

impl Reader<'_> {
    fn note(&mut self, why: String) {
        self.ignored.push(Ignored { at: self.target.at.clone(), why });
    }

    /// Something without which the build is what it is.
    fn note_part(&mut self, part: &str, unknown: &Unknown) {
        self.note(format!("{part} of target `{}` is not known: {}", self.target.name, unknown.why));
    }

    /// Something without which there is no build.
    fn unknown(&self, what: &str, unknown: &Unknown) -> String {
        format!("`{what}` of target `{}` is not known: {}; {REMEDY}", self.target.name, unknown.why)
    }

    /// The context and the Dockerfile.
    fn paths(&self) -> Result<(RepoPath, RepoPath), String> {
        let name = &self.target.name;
        let said = |what: &str, text: &Option<Text>, default: &str| match text {
            None => Ok(default.to_owned()),
            Some(Ok(text)) if text.is_empty() => Ok(default.to_owned()),
            Some(Ok(text)) => Ok(text.clone()),
            Some(Err(unknown)) => Err(self.unknown(what, unknown)),
        };
        let context = said("context", &self.target.context, ".")?;
        let dockerfile = said("dockerfile", &self.target.dockerfile, "Dockerfile")?;
        let context = self
            .folder(&context)
            .ok_or_else(|| format!("the context `{context}` of target `{name}` is not a folder here"))?;
        let resolved = match dockerfile.strip_prefix(RUN_FOLDER) {
            Some(path) => resolve(self.folder, path),
            None => resolve(&context, &dockerfile),
        };
        let dockerfile = resolved
            .ok_or_else(|| format!("the Dockerfile `{dockerfile}` of target `{name}` is not a file here"))?;
        Ok((context, dockerfile))
    }

    fn folder(&self, text: &str) -> Option<RepoPath> {
        let path = text.strip_prefix(RUN_FOLDER).unwrap_or(text);
        if is_remote(path) { None } else { resolve(self.folder, path) }
    }

    /// Tags; one whose end alone is not known, without its end.
    fn images(&mut self) -> Vec<String> {
        let mut images: Vec<String> = Vec::new();
        for tag in self.target.tags.iter().flatten() {
            let known = match tag {
                Ok(tag) => vec![tag.clone()],
                Err(unknown) => {
                    let names: Vec<String> =
                        unknown.starts.iter().filter_map(|start| repository(start)).collect();
                    if names.is_empty() {
                        self.note_part("a tag", unknown);
                    }
                    names
                }
            };
            images.extend(known.into_iter().filter(|image| !image.is_empty()));
        }
        let mut seen = std::collections::BTreeSet::new();
        images.retain(|image| seen.insert(image.clone()));
        images
    }

    fn platforms(&mut self) -> Vec<String> {
        let mut platforms = Vec::new();
        for platform in self.target.platforms.iter().flatten() {
            match platform {
                Ok(platform) => platforms.push(platform.clone()),
                Err(unknown) => self.note_part("a platform", unknown),
            }
        }
        platforms
    }

    fn contexts(&mut self) -> BTreeMap<String, NamedContext> {
        let mut contexts = BTreeMap::new();
        for (name, value) in &self.target.contexts {
            let about = format!("the named context `{name}` of target `{}`", self.target.name);
            match value {
                Ok(text) if text.is_empty() => {}
                Ok(text) => match self.named_context(text) {
                    Some(context) => {
                        contexts.insert(name.clone(), context);
                    }
                    None => self.note(format!("{about} has no counterpart: `{text}`")),
                },
                Err(unknown) => self.note(format!("{about} is not known: {}", unknown.why)),
            }
        }
        contexts
    }

    fn named_context(&self, text: &str) -> Option<NamedContext> {
        if let Some(target) = text.strip_prefix("target:") {
            return Some(NamedContext::Build(target.to_owned()));
        }
        if let Some(image) = text.strip_prefix("docker-image://") {
            return Some(NamedContext::Image(image.to_owned()));
        }
        self.folder(text).map(NamedContext::Folder)
    }

    fn secrets(&mut self) -> BTreeMap<String, SecretFrom> {
        let mut secrets = BTreeMap::new();
        for Secret { id, env, file } in &self.target.secrets {
            let source = match (env, file) {
                (Some(variable), _) => Some(SecretFrom::Environment(variable.clone())),
                (None, Some(file)) => resolve(self.folder, file).map(SecretFrom::File),
                // A variable that is called so, or else a file.
                (None, None) => Some(SecretFrom::Environment(id.clone())),
            };
            match source {
                Some(source) => {
                    secrets.insert(id.clone(), source);
                }
                None => {
                    let file = file.as_deref().unwrap_or_default();
                    let why = format!("the secret `{id}` of target `{}`", self.target.name);
                    self.note(format!("{why} is not a file of the repository: `{file}`"));
                }
            }
        }
        secrets
    }
}

fn is_remote(text: &str) -> bool {
    text.contains("://") || text.starts_with("git@") || text.starts_with("github.com/")
}

/// The name of an image whose tag is not known: what stands before the colon.
fn repository(start: &str) -> Option<String> {
    let name = start.find('@').map_or(start, |digest| &start[..digest]);
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let colon = last + name[last..].find(':')?;
    let name = &name[..colon];
    // A colon after a host is before a port.
    let may_be_host = last == 0 && (name.contains('.') || name == "localhost");
    (!name.is_empty() && colon > last && !may_be_host).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_whose_tag_is_not_known_has_a_name() {
        for (start, name) in [
            ("acme/api:", Some("acme/api")),
            ("api:v", Some("api")),
            ("registry.example:5000/acme/api:", Some("registry.example:5000/acme/api")),
            ("registry.example:5000/acme/api", None),
            ("registry.example:", None),
            ("localhost:", None),
            ("acme/:", None),
            ("", None),
        ] {
            assert_eq!(repository(start).as_deref(), name, "{start}");
        }
    }
}
