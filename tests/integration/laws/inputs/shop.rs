//! A repository of four projects, and everything that can be done to it.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::SystemTime;

use crate::support::world::World;

/// Something that is done to the repository before it is committed, and what it is called.
pub(super) type Change = (&'static str, fn(&mut Shop));

/// `lib` ← `api`, `docs` and `site`; nothing is committed yet.
pub(super) struct Shop {
    pub(super) world: World,
    /// The entry of `api`.
    api: BTreeMap<&'static str, &'static str>,
    /// What stands in the manifest before everything else.
    comment: &'static str,
    /// More of the entry of `site`.
    site: &'static str,
    secret_id: &'static str,
    secret_source: &'static str,
    message: &'static str,
    submodule: &'static str,
}

const DOCKERFILE: &str = "\
    FROM node:22 AS compile\n\
    COPY src /src\n\
    FROM lib AS runtime\n\
    COPY --from=compile /src /src\n\
    COPY --from=proto / /proto\n\
    COPY --from=tools / /tools\n\
    FROM runtime AS debug\n\
    COPY . .\n";

impl Shop {
    pub(super) fn new() -> Self {
        let world = World::new();
        let api = |path: &str| format!("services/api/{path}");
        world.write("toolchain/version", "1\n").write(".gitignore", "/services/api/dist\n");
        world.write("lib/Dockerfile", "FROM scratch\nCOPY a /\n").write("lib/a", "a\n");
        world.write("site/Dockerfile", "FROM scratch\nCOPY a /\n").write("site/a", "a\n");
        world.write(&api("Dockerfile"), DOCKERFILE).write(&api("other.Dockerfile"), DOCKERFILE);
        world.write(&api(".dockerignore"), "*.log\n").write(&api(".rebuild_patterns"), "./\n!**/*.md\n");
        for file in ["content", "mode", "name", "kind", "gone"] {
            world.write(&api(&format!("src/{file}")), "old");
        }
        world
            .write(&api("README.md"), "a text\n")
            .write(&api("dist/app.js"), "1;\n")
            .write(&api("dist/run"), "");
        world.write("docs/Dockerfile", "FROM scratch\nCOPY a /\n").write("docs/a", "a\n");
        world.write("proto/a.proto", "a\n").write("proto/notes.md", "a text\n");
        world.write("proto/.dockerignore", "*.md\n").write("tools/one/run", "a").write("tools/two/run", "a");
        symlink("content", world.file(&api("src/link"))).unwrap();
        fs::create_dir(world.file(&api("theme"))).unwrap();
        Self {
            world,
            api: [
                ("path", "'services/api'"),
                ("extra_inputs", "['services/api/dist/**']"),
                ("contexts", "{ proto = 'proto', tools = 'tools/one' }"),
            ]
            .into(),
            comment: "",
            site: "",
            secret_id: "npmrc",
            secret_source: "{ env = 'NPMRC' }",
            message: "change",
            submodule: "1111111111111111111111111111111111111111",
        }
    }

    /// Puts a key into the entry of `api`, its value as TOML.
    pub(super) fn set(&mut self, key: &'static str, value: &'static str) {
        self.api.insert(key, value);
    }

    fn write(&mut self, path: &str, content: &str) {
        self.world.write(path, content);
    }

    fn api(&self, path: &str) -> std::path::PathBuf {
        self.world.file("services/api").join(path)
    }

    pub(super) fn commit(self) -> World {
        let Self { world, api, comment, site, secret_id, secret_source, message, submodule } = self;
        let api: String = api.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let manifest = format!(
            "{comment}[workspace]\nname = 'shop'\nrebuild_all = ['toolchain/**']\n\
            [projects.lib]\npath = 'lib'\n[projects.api]\n{api}\
            secrets = {{ {secret_id} = {secret_source} }}\n[projects.docs]\npath = 'docs'\n\
            [projects.site]\npath = 'site'\n{site}"
        );
        world.write("projects.toml", manifest);
        world.git(["add", "-A"]);
        let submodule = format!("160000,{submodule},services/api/theme");
        world.git(["update-index", "--add", "--cacheinfo", &submodule]);
        world.git(["commit", "-qm", message]);
        world
    }
}

/// Each makes another image of `api`, and none of `site`.
pub(super) const CHANGES: &[Change] = &[
    ("a file's content", |shop| shop.write("services/api/src/content", "new")),
    ("a file's mode", |shop| {
        fs::set_permissions(shop.api("src/mode"), Permissions::from_mode(0o755)).unwrap();
    }),
    ("a file's name", |shop| fs::rename(shop.api("src/name"), shop.api("src/new-name")).unwrap()),
    ("a file's kind", |shop| {
        fs::remove_file(shop.api("src/kind")).unwrap();
        symlink("old", shop.api("src/kind")).unwrap();
    }),
    ("a file that is gone", |shop| fs::remove_file(shop.api("src/gone")).unwrap()),
    ("a file that is new", |shop| shop.write("services/api/src/new", "")),
    ("a link's target", |shop| {
        fs::remove_file(shop.api("src/link")).unwrap();
        symlink("mode", shop.api("src/link")).unwrap();
    }),
    ("a submodule's commit", |shop| shop.submodule = "2222222222222222222222222222222222222222"),
    ("the Dockerfile, and a parent that is not ours", |shop| {
        shop.write("services/api/Dockerfile", &DOCKERFILE.replace("node:22", "node:23"));
    }),
    ("the Dockerfile's place", |shop| shop.set("dockerfile", "'other.Dockerfile'")),
    (".dockerignore", |shop| shop.write("services/api/.dockerignore", "*.tmp\n")),
    ("the Dockerfile's own .dockerignore", |shop| {
        shop.write("services/api/Dockerfile.dockerignore", "*.tmp\n");
    }),
    ("a file that becomes one of Git LFS", |shop| {
        shop.write(".gitattributes", "/services/*/src/content filter=lfs\n");
    }),
    ("the context", |shop| shop.set("context", "'.'")),
    ("the target", |shop| shop.set("target", "'runtime'")),
    ("a platform", |shop| shop.set("platforms", "['linux/arm64']")),
    ("a build argument", |shop| shop.set("build_args", "{ PROFILE = 'release', A = '' }")),
    ("a secret's id", |shop| shop.secret_id = "token"),
    ("an id of the ssh agent", |shop| shop.set("ssh", "['default']")),
    ("a file of a named context", |shop| shop.write("proto/a.proto", "b\n")),
    ("the .dockerignore of a named context", |shop| shop.write("proto/.dockerignore", "*.md\n*.tmp\n")),
    ("what a named context is", |shop| {
        shop.set("contexts", "{ proto = 'proto', tools = 'tools/two' }");
    }),
    ("where a secret comes from", |shop| shop.secret_source = "{ file = 'services/api/token' }"),
    ("a dependency that no Dockerfile names", |shop| shop.set("needs", "['docs']")),
    ("a dependency's file", |shop| shop.write("lib/a", "b\n")),
    ("an extra input's content", |shop| shop.write("services/api/dist/app.js", "2;\n")),
    ("an extra input's mode", |shop| {
        fs::set_permissions(shop.api("dist/run"), Permissions::from_mode(0o755)).unwrap();
    }),
];

/// None makes another image of `api`.
pub(super) const IRRELEVANT: &[Change] = &[
    ("an undeclared file", |shop| shop.write("services/api/README.md", "another text\n")),
    ("a file that a named context's .dockerignore leaves out", |shop| {
        shop.write("proto/notes.md", "another text\n");
    }),
    ("a named context that the Dockerfile doesn't use", |shop| {
        shop.site = "contexts = { unused = 'proto' }\n";
    }),
    ("attributes that make no input a file of Git LFS", |shop| {
        shop.write("services/.gitattributes", "*.bin filter=lfs\nmode filter=other\nlink filter=lfs\n");
    }),
    ("a file outside of all projects", |shop| shop.write("notes/a", "a")),
    ("its pattern file, as long as it takes the same", |shop| {
        shop.write("services/api/.rebuild_patterns", "# a comment\n./\n!**/*.md\n");
    }),
    ("a file of a project that it doesn't need", |shop| shop.write("site/b", "b")),
    ("the time of a file", |shop| {
        let file = fs::File::options().append(true).open(shop.api("dist/app.js")).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }),
    ("permissions that git doesn't keep", |shop| {
        fs::set_permissions(shop.api("src/content"), Permissions::from_mode(0o600)).unwrap();
    }),
    ("a comment in the manifest", |shop| shop.comment = "# a comment\n\n"),
    ("another project's entry", |shop| shop.site = "build_args = { A = 'b' }\n"),
    ("the message of the commit", |shop| shop.message = "another message"),
    ("what is done with the image", |shop| {
        shop.set("tags", "['latest']");
        shop.set("repository", "'renamed'");
    }),
];
