//! Reads which image references of Dockerfiles stand for projects, and sees that none of them stands for two.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::fields::{Item, Located};
use super::lists::images_once;
use super::manifest_scope::ManifestScope;
use crate::model::{ImageName, ImagePattern, RepositoryName, Tag};

/// `images`: those of no other project.
pub(super) fn images(item: Item<'_>, project: &str, scope: &mut ManifestScope<'_>) -> Vec<ImagePattern> {
    let images = images_once::<ImagePattern>(item);
    for (image, item) in &images {
        let name = image.name.as_str();
        if image.tag.as_ref().is_none_or(|tag| *tag == Tag::latest()) && scope.is_other(name, project) {
            item.wrong(format_args!("`{name}` is what `[projects.{name}]` is called in Dockerfiles"));
        }
        match scope.images.entry(image.clone()) {
            Entry::Vacant(entry) => drop(entry.insert(item.located(project.to_owned()))),
            Entry::Occupied(first) => {
                let Located { value: owner, line } = first.get();
                item.wrong(format_args!(
                    "the image `{image}` is that of `[projects.{owner}]` (line {line}) already"
                ));
            }
        }
    }
    images.into_iter().map(|(image, _)| image).collect()
}

/// `external`
pub(super) fn external(item: Item<'_>) -> Vec<ImagePattern> {
    images_once(item).into_iter().map(|(image, _)| image).collect()
}

/// Sees that this repository names no other project: neither behind an entry of `own_images`, nor in `[cache]` or `[deploy]`.
/// `item` is what says the repository.
pub(super) fn check_repository(
    item: &Item<'_>,
    repository: &RepositoryName,
    project: &str,
    scope: &mut ManifestScope<'_>,
) {
    for prefix in scope.own_images {
        match prefix.value.name(repository) {
            Err(error) => item.wrong(format_args!("with `own_images` (line {}): {error}", prefix.line)),
            Ok(name) if scope.is_other(name.as_str(), project) => item.wrong(format_args!(
                "with `own_images` (line {}), `{name}` would be this project and `[projects.{name}]`",
                prefix.line
            )),
            Ok(name) => claim(&mut scope.own_names, name, item, project, "own_images"),
        }
    }
    for (table, registry) in [("[cache]", scope.cache), ("[deploy]", scope.deploy)] {
        match registry.and_then(|registry| registry.name_of(repository)) {
            None => {}
            Some(name) if scope.is_other(name.as_str(), project) => item.wrong(format_args!(
                "with `{table}`, `{name}` would be this project and `[projects.{name}]`"
            )),
            Some(name) => claim(&mut scope.registry_names, name, item, project, table),
        }
    }
}

fn claim(
    claimed: &mut HashMap<ImageName, Located<String>>,
    name: ImageName,
    item: &Item<'_>,
    project: &str,
    by: &str,
) {
    match claimed.entry(name) {
        Entry::Vacant(entry) => drop(entry.insert(item.located(project.to_owned()))),
        Entry::Occupied(first) if first.get().value == project => {}
        Entry::Occupied(first) => {
            let (name, Located { value: owner, line }) = (first.key(), first.get());
            item.wrong(format_args!(
                "with `{by}`, `{name}` would be this project and `[projects.{owner}]` (line {line})"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::config::parse;

    fn problems(text: &str) -> String {
        parse(text.as_bytes(), "projects.toml").unwrap_err().to_string()
    }

    #[test]
    fn an_entry_that_names_no_image_says_what_is_expected() {
        let text = r#"
            [workspace]
            name = "shop"
            own_images = ["quay.io/acme", "quay.io/acme/", "quay.io/acme/", "https://user:secret@quay.io/", "r:1/a-", 1]
            [projects.api]
            path = "api"
            images = ["Acme/api", "acme/api", "docker.io/acme/api", "scratch"]
            external = ["node@sha256:12", "node:22", "library/node:22", "a b"]
        "#;

        assert_snapshot!(problems(text), @"
        projects.toml:4: `own_images` in `[workspace]`: `quay.io/acme` is not what the names of images begin with: `[host/][path]`, without a tag, ending in `/`, `-`, `_` or `.`, such as `quay.io/acme/`
        projects.toml:4: `own_images` in `[workspace]`: an image is named here without a digest, and without credentials
        projects.toml:4: `own_images` in `[workspace]`: a string is expected, not an integer; write it in quotes
        projects.toml:4: `own_images` in `[workspace]`: `quay.io/acme/` stands there twice
        projects.toml:7: `images` in `[projects.api]`: `Acme/api` is not an image: `[host/]repository[:tag]` without a digest, and not `scratch`
        projects.toml:7: `images` in `[projects.api]`: `scratch` is not an image: `[host/]repository[:tag]` without a digest, and not `scratch`
        projects.toml:7: `images` in `[projects.api]`: `docker.io/acme/api` stands there twice
        projects.toml:8: `external` in `[projects.api]`: an image is named here without a digest, and without credentials
        projects.toml:8: `external` in `[projects.api]`: `a b` is not an image: `[host/]repository[:tag]` without a digest, and not `scratch`
        projects.toml:8: `external` in `[projects.api]`: `library/node:22` stands there twice
        ");
    }

    #[test]
    fn no_reference_means_two_projects() {
        let text = r#"
            [workspace]
            name = "shop"
            own_images = ["quay.io/", "quay.io/acme/", "team-"]
            [cache]
            kind = "oci"
            host = "r.example"
            [deploy]
            kind = "oci"
            host = "r.example"
            prefix = "prod/"
            [projects.a]
            path = "a"
            images = ["acme/base:1", "acme/base", "b", "c:2"]
            [projects.b]
            path = "b"
            repository = "acme/a"
            images = ["docker.io/acme/base:1", "acme/base:2", "a:latest"]
            [projects.c]
            path = "c"
            repository = "prod/a"
            [projects.team-c]
            path = "team-c"
            repository = "other"
            [projects.d]
            path = "d"
            repository = "c"
        "#;

        assert_snapshot!(problems(text), @"
        projects.toml:14: `images` in `[projects.a]`: `b` is what `[projects.b]` is called in Dockerfiles
        projects.toml:17: `repository` in `[projects.b]`: with `own_images`, `quay.io/acme/a` would be this project and `[projects.a]` (line 12)
        projects.toml:18: `images` in `[projects.b]`: `a` is what `[projects.a]` is called in Dockerfiles
        projects.toml:18: `images` in `[projects.b]`: the image `acme/base:1` is that of `[projects.a]` (line 14) already
        projects.toml:21: `repository` in `[projects.c]`: with `[cache]`, `r.example/prod/a` would be this project and `[projects.a]` (line 12)
        projects.toml:27: `repository` in `[projects.d]`: with `own_images` (line 4), `team-c` would be this project and `[projects.team-c]`
        ");
        let engine = "workspace.name = \"shop\"\n[cache]\nkind = \"engine\"\nprefix = \"team-\"\n\
            [projects.a]\npath = \"a\"\n[projects.team-a]\npath = \"b\"\n";
        assert_snapshot!(problems(engine), @"projects.toml:5: `a` in `[projects]`: with `[cache]`, `team-a` would be this project and `[projects.team-a]`");
    }
}
