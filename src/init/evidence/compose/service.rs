//! A service of a model as a build.

use std::collections::BTreeMap;

use super::interpolation::{Text, unset};
use super::loader::Loaded;
use super::sources::{is_remote, named_context, secret_from};
use super::value::{Kind, Value};
use crate::init::evidence::{Build, Ignored, NamedContext, SecretFrom, resolve};
use crate::model::RepoPath;

/// Keys of `build` that are read here.
const READ: &[&str] = &[
    "additional_contexts",
    "args",
    "context",
    "dockerfile",
    "dockerfile_inline",
    "platforms",
    "secrets",
    "ssh",
    "tags",
    "target",
];

/// The build of a service, or `None` where it has none, or one that can't be used: that is noted.
pub(super) fn build(name: &str, service: &Value, loaded: &Loaded, notes: &mut Vec<Ignored>) -> Option<Build> {
    let build = service.get("build")?;
    let mut reader = Reader { name, service, build, loaded, notes };
    match reader.read() {
        Ok(build) => Some(build),
        Err((at, why)) => {
            reader.note(at, format!("service `{name}` is left out: {why}"));
            None
        }
    }
}

struct Reader<'r> {
    name: &'r str,
    service: &'r Value,
    build: &'r Value,
    loaded: &'r Loaded,
    notes: &'r mut Vec<Ignored>,
}

impl<'r> Reader<'r> {
    /// The error says where and why the service can't be built.
    fn read(&mut self) -> Result<Build, (&'r Value, String)> {
        let context = self.context()?;
        let (dockerfile, inline) = self.dockerfile(&context)?;
        let target = self.known("target")?.map(|(_, target)| target).filter(|target| !target.is_empty());
        self.note_unknown_keys();
        Ok(Build {
            says: match target {
                None => format!("{} builds it", self.it()),
                Some(target) => format!("{} builds its target `{target}`", self.it()),
            },
            inline,
            name: Some(self.name.to_owned()),
            images: self.images(),
            context: Some(context),
            target: target.map(str::to_owned),
            build_args: self.args(),
            defaulted_args: self.defaulted_args(),
            contexts: self.contexts(),
            secrets: self.secrets(),
            ssh: self.ssh(),
            platforms: self.platforms(),
            ..Build::of(dockerfile, self.build.at.location())
        })
    }

    fn context(&self) -> Result<RepoPath, (&'r Value, String)> {
        let Some((value, context)) = self.known("context")? else {
            return Ok(self.build.at.file.folder.clone());
        };
        if is_remote(context) {
            return Err((value, format!("its context `{context}` is not in the repository")));
        }
        resolve(&value.at.file.folder, context)
            .ok_or_else(|| (value, format!("its context `{context}` is outside of the repository")))
    }

    /// The Dockerfile, and its text if that stands in the Compose file.
    fn dockerfile(&self, context: &RepoPath) -> Result<(RepoPath, Option<String>), (&'r Value, String)> {
        let written = self.known("dockerfile")?.filter(|(_, file)| !file.is_empty());
        match (written, self.known("dockerfile_inline")?) {
            (Some((value, _)), Some(_)) => Err((
                value,
                "it has `dockerfile` and `dockerfile_inline`, of which one is allowed".to_owned(),
            )),
            (None, Some((_, text))) => {
                let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
                let plain: String =
                    self.name.chars().map(|letter| if is_plain(letter) { letter } else { '-' }).collect();
                let file = context.join_component(format!("{plain}.Dockerfile").as_bytes());
                Ok((file, Some(text.to_owned())))
            }
            (None, None) => Ok((context.join_component(b"Dockerfile"), None)),
            (Some((value, dockerfile)), None) => {
                let outside =
                    || (value, format!("its Dockerfile `{dockerfile}` is outside of the repository"));
                Ok((resolve(context, dockerfile).ok_or_else(outside)?, None))
            }
        }
    }

    /// A text of `build` that has to be known.
    fn known(&self, key: &str) -> Result<Option<(&'r Value, &'r str)>, (&'r Value, String)> {
        let Some(value) = self.build.get(key) else { return Ok(None) };
        match value.text() {
            Some(Text::Known(text)) => Ok(Some((value, text))),
            Some(Text::Unknown { written, why }) => {
                Err((value, format!("its `{key}` is `{written}`, and {why}: give it a default")))
            }
            None => Err((value, format!("its `{key}` is no text"))),
        }
    }

    /// The names under which it is pushed. One whose tag alone is not known goes without it.
    fn images(&mut self) -> Vec<String> {
        let tags = self.build.get("tags").map(Value::list).unwrap_or_default();
        let mut images: Vec<String> = Vec::new();
        for value in self.service.get("image").into_iter().chain(tags) {
            let image = match value.text() {
                Some(Text::Known(image)) => image.clone(),
                Some(Text::Unknown { written, why }) => match without_tag(written) {
                    Some(image) => image.to_owned(),
                    None => {
                        self.note(
                            value,
                            format!("the image `{written}` of {} is not known: {why}", self.it()),
                        );
                        continue;
                    }
                },
                None => continue,
            };
            if !image.is_empty() && !images.contains(&image) {
                images.push(image);
            }
        }
        images
    }

    fn args(&mut self) -> BTreeMap<String, Option<String>> {
        let mut args = BTreeMap::new();
        for (name, value) in self.members("args") {
            let inherited = self.loaded.environment.value(name);
            let text = match &value.kind {
                Kind::Text(text) | Kind::Default { text, .. } => Some(text),
                Kind::Inherited => inherited,
                _ => None,
            };
            let why = match text {
                Some(Text::Known(text)) => {
                    args.insert(name.to_owned(), Some(text.clone()));
                    continue;
                }
                Some(Text::Unknown { why, .. }) => why.clone(),
                None if value.kind == Kind::Inherited => unset(name),
                None => "it is no text".to_owned(),
            };
            self.note(value, format!("fill in the argument `{name}` of {}: {why}", self.it()));
            args.insert(name.to_owned(), None);
        }
        args
    }

    /// The arguments whose values are defaults, with the variables that no file sets.
    fn defaulted_args(&self) -> BTreeMap<String, String> {
        let variable = |(name, value): (&str, &Value)| match &value.kind {
            Kind::Default { variable, .. } => Some((name.to_owned(), variable.clone())),
            _ => None,
        };
        self.members("args").into_iter().filter_map(variable).collect()
    }

    fn contexts(&mut self) -> BTreeMap<String, NamedContext> {
        let mut contexts = BTreeMap::new();
        for (name, value) in self.members("additional_contexts") {
            match named_context(value) {
                Ok(context) => {
                    contexts.insert(name.to_owned(), context);
                }
                Err(why) => {
                    self.note(
                        value,
                        format!("the named context `{name}` of {} is left out: {why}", self.it()),
                    );
                }
            }
        }
        contexts
    }

    fn secrets(&mut self) -> BTreeMap<String, SecretFrom> {
        let mut secrets = BTreeMap::new();
        for value in self.listed("secrets") {
            let long = |key: &str| value.get(key).and_then(|value| value.text()?.known());
            let source = value.text().and_then(Text::known).or_else(|| long("source"));
            let Some(source) = source else {
                self.note(value, format!("a secret of {} has no name", self.it()));
                continue;
            };
            let from = match self.loaded.model.secrets.get(source) {
                Some(secret) => secret_from(secret),
                None => Err("no section `secrets` has it".to_owned()),
            };
            match from {
                Ok(from) => {
                    secrets.insert(long("target").unwrap_or(source).to_owned(), from);
                }
                Err(why) => {
                    self.note(value, format!("the secret `{source}` of {} is left out: {why}", self.it()));
                }
            }
        }
        secrets
    }

    fn ssh(&mut self) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for value in self.listed("ssh") {
            let Some(written) = value.text().and_then(Text::known) else {
                self.note(value, format!("an id in `ssh` of {} is not known", self.it()));
                continue;
            };
            let id = written.split_once('=').map_or(written, |(id, path)| {
                let it = self.it();
                self.note(value, format!("`{id}` in `ssh` of {it} is the agent's, not `{path}`"));
                id
            });
            if !ids.iter().any(|other| other == id) {
                ids.push(id.to_owned());
            }
        }
        ids
    }

    fn platforms(&mut self) -> Vec<String> {
        let mut platforms: Vec<String> = Vec::new();
        let listed = self.listed("platforms");
        let own = self.service.get("platform").filter(|_| listed.is_empty());
        for value in listed.iter().chain(own) {
            match value.text() {
                Some(Text::Known(platform)) if platforms.contains(platform) || platform.is_empty() => {}
                Some(Text::Known(platform)) => platforms.push(platform.clone()),
                Some(Text::Unknown { written, why }) => {
                    self.note(
                        value,
                        format!("the platform `{written}` of {} is not known: {why}", self.it()),
                    );
                }
                None => self.note(value, format!("a platform of {} is no text", self.it())),
            }
        }
        platforms
    }

    /// Notes what changes the image and has no counterpart.
    fn note_unknown_keys(&mut self) {
        let build = self.build;
        for (key, value) in build.members() {
            if READ.contains(&key) || key.starts_with("x-") || is_default(key, value) {
                continue;
            }
            let it = self.it();
            self.note(value, format!("`{key}` of {it} has no counterpart: the image is built without it"));
        }
    }

    fn members(&self, key: &str) -> Vec<(&'r str, &'r Value)> {
        self.build.get(key).into_iter().flat_map(Value::members).collect()
    }

    fn listed(&self, key: &str) -> &'r [Value] {
        self.build.get(key).map(Value::list).unwrap_or_default()
    }

    fn it(&self) -> String {
        format!("service `{}`", self.name)
    }

    fn note(&mut self, value: &Value, why: String) {
        self.notes.push(Ignored { at: value.at.location(), why });
    }
}

/// Whether a value says what is so without it.
fn is_default(key: &str, value: &Value) -> bool {
    let text = value.text().and_then(Text::known);
    match &value.kind {
        Kind::Null => true,
        Kind::List(list) => list.is_empty(),
        Kind::Map(map) => map.is_empty(),
        _ => matches!(
            (key, text),
            ("network" | "isolation", Some("default" | "")) | ("privileged", Some("false"))
        ),
    }
}

/// The name in an image reference of which nothing but the tag is a variable.
fn without_tag(written: &str) -> Option<&str> {
    let (name, tag) = written.rsplit_once(':').filter(|(name, _)| !name.contains('$'))?;
    (tag.starts_with('$') && !tag.contains('/')).then_some(name)
}
