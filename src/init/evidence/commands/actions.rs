//! Actions of GitHub workflows that build images.

use std::rc::Rc;

use super::super::yaml::Node;
use super::Found;
use super::options::{File, Invocation, argument};
use super::scope::Scope;
use super::templates::value;
use super::value::{Folder, Value};

/// Reads a step with `uses`, if that builds an image.
pub(super) fn read(uses: &Rc<Node>, with: Option<&Rc<Node>>, scope: &Scope<'_>, found: &mut Found) {
    let name = uses.text().unwrap_or_default().split('@').next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "docker/build-push-action" | "useblacksmith/build-push-action" | "depot/build-push-action" => {
            let with = Inputs { with, scope };
            found.add_build(with.build_push(uses.line));
        }
        "redhat-actions/buildah-build" => {
            let with = Inputs { with, scope };
            found.add_build(with.buildah(uses.line));
        }
        "docker/bake-action" => {
            let why = "`docker/bake-action` builds what a bake file says: that file counts".to_owned();
            found.notes.insert((uses.line, why));
        }
        _ => {}
    }
}

struct Inputs<'s, 'n> {
    with: Option<&'n Rc<Node>>,
    scope: &'s Scope<'n>,
}

impl Inputs<'_, '_> {
    /// An input that is there and not empty.
    fn get(&self, name: &str) -> Option<Value> {
        let text = self.with?.get(name)?.text()?.trim();
        Some(value(text, &self.scope.templates)).filter(|value| !value.is_empty())
    }

    /// The lines of an input; commas and spaces can separate them too.
    fn lines(&self, name: &str, separators: &[char]) -> Vec<Value> {
        let node = self.with.and_then(|with| with.get(name));
        let text = node.and_then(|node| node.text()).unwrap_or_default();
        let lines = text.lines().flat_map(|line| {
            // A template has spaces and commas of its own.
            if line.contains("${{") { vec![line] } else { line.split(separators).collect() }
        });
        let lines = lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| value(line, &self.scope.templates)).collect()
    }

    fn build_push(&self, line: usize) -> Invocation {
        let root = Value::folder(Folder::Root);
        let context = self.get("context").unwrap_or_else(|| root.clone());
        let git = "{{defaultContext}}";
        let from_git = context.known_start().starts_with(git).then(|| {
            let folder = context.without_start(git.len());
            let start = usize::from(folder.known_start().starts_with(':'));
            folder.without_start(start).seen_from(&root)
        });
        let is_git = from_git.is_some();
        let context = from_git.unwrap_or(context);
        // In a Git context, the Dockerfile's path is relative to it.
        let file = self.get("file").map(|file| if is_git { file.seen_from(&context) } else { file });
        let secret = |kind: &str, from: &str| {
            let lines = self.lines(kind, &[]).into_iter().filter_map(|line| {
                let (id, value) = line.split_at_equals()?;
                let mut secret = Value::text(&format!("id={id},{from}="));
                secret.extend(&value);
                Some(secret)
            });
            lines.collect::<Vec<_>>()
        };
        // Values of secrets come from the workflow; the name is what a build can know.
        let given = self.lines("secrets", &[]).into_iter().filter_map(|line| {
            let (id, _) = line.split_at_equals()?;
            Some(Value::text(&format!("id={id}")))
        });
        let named = secret("secret-envs", "env").into_iter().chain(secret("secret-files", "src"));
        Invocation {
            line,
            tool: "docker/build-push-action",
            directory: root,
            dockerfile: file.map_or(File::Default, File::Named),
            context: Some(context),
            looks_in_context: false,
            target: self.get("target"),
            images: self.lines("tags", &[',']),
            build_args: self.lines("build-args", &[]).iter().map(argument).collect(),
            contexts: self.lines("build-contexts", &[]),
            secrets: given.chain(named).collect(),
            ssh: self.lines("ssh", &[',']),
            platforms: self.lines("platforms", &[',']),
        }
    }

    fn buildah(&self, line: usize) -> Invocation {
        let root = Value::folder(Folder::Root);
        let file = self.lines("containerfiles", &[' ', ',']).into_iter();
        let mut file = file.chain(self.lines("dockerfiles", &[' ', ',']));
        let image = self.get("image");
        let tags = self.lines("tags", &[' ', ',']);
        let images = tags.iter().filter_map(|tag| {
            // A tag, or a whole reference.
            if tag.to_string().contains(['/', ':']) {
                return Some(tag.clone());
            }
            let mut reference = image.clone()?;
            reference.extend(&Value::text(":"));
            reference.extend(tag);
            Some(reference)
        });
        let images: Vec<Value> = images.collect();
        let images = if images.is_empty() { image.clone().into_iter().collect() } else { images };
        Invocation {
            line,
            tool: "redhat-actions/buildah-build",
            directory: root.clone(),
            dockerfile: file.next().map_or(File::Default, File::Named),
            context: Some(self.get("context").unwrap_or(root)),
            looks_in_context: true,
            target: None,
            images,
            build_args: self.lines("build-args", &[]).iter().map(argument).collect(),
            contexts: Vec::new(),
            secrets: Vec::new(),
            ssh: Vec::new(),
            platforms: self.lines("platforms", &[',', ' ']),
        }
    }
}
