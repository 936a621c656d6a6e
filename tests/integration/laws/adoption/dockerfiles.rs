//! The texts of Dockerfiles, and the files that they copy.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::draft::{Evidence, Form, Language, Layout};
use super::image::{ASSETS, Image, Naming, SECRET, argument, named_context};
use super::paths::{join, relative};
use super::workspaces;
use crate::laws::affected::repository::Entry;

/// The images from elsewhere that Dockerfiles start from.
pub(crate) const BASES: [&str; 10] = [
    "debian:12",
    "golang:1.22",
    "gradle:8",
    "mcr.microsoft.com/dotnet/aspnet:8.0",
    "mcr.microsoft.com/dotnet/sdk:8.0",
    "nginx:1",
    "node:22",
    "python:3",
    "redis:7",
    "rust:1",
];

impl Naming {
    /// One of [`BASES`] as a Dockerfile has it.
    pub(crate) fn base(&self, name: &str) -> String {
        match self.bases.as_str() {
            "" => name.to_owned(),
            bases => format!("{bases}{}", name.replace('/', "-")),
        }
    }
}

impl Image {
    /// How a Dockerfile names this image.
    pub(crate) fn reference(&self, form: Form, number: usize, naming: &Naming) -> String {
        match form {
            Form::Bare | Form::Mount => self.name.clone(),
            Form::Registry | Form::Copy | Form::Base => format!("{}/{}:1", naming.registry, self.name),
            Form::Variable | Form::Argument => format!("${{{}}}", argument(number)),
            Form::Context => named_context(number),
        }
    }

    /// Whether the Dockerfile says nothing of where its context is.
    pub(super) fn is_silent(&self) -> bool {
        self.language == Language::Static && self.evidence == Evidence::Nobody && self.here() == "."
    }

    /// The sources as they are seen from the context.
    pub(super) fn here(&self) -> String {
        relative(&self.context, &self.sources)
    }
}

/// The text of an image's Dockerfile.
pub(super) fn text(image: &Image, images: &[Image], naming: &Naming) -> String {
    let mut text = String::new();
    for (number, parent) in image.parents.iter().enumerate() {
        let argument = argument(number);
        match parent.form {
            Form::Variable => {
                let name = &images[parent.image].name;
                writeln!(text, "ARG {argument}={}/{name}", naming.registry).unwrap();
            }
            Form::Argument => writeln!(text, "ARG {argument}").unwrap(),
            _ => {}
        }
    }
    let (mut copies, mut base) = (String::new(), None);
    for (number, parent) in image.parents.iter().enumerate() {
        let reference = images[parent.image].reference(parent.form, number, naming);
        let from = format!("/opt /opt/parent{number}\n");
        match parent.form {
            Form::Base => base = Some(reference),
            Form::Copy => copies += &format!("COPY --from={reference} {from}"),
            Form::Mount => {
                let mounted = format!("--mount=from={reference},target=/mnt");
                copies += &format!("RUN {mounted} cp -r /mnt/opt /opt/parent{number}\n");
            }
            _ => {
                writeln!(text, "FROM {reference} AS parent{number}").unwrap();
                copies += &format!("COPY --from=parent{number} {from}");
            }
        }
    }
    text += &steps(image, base, naming);
    text += "ARG MODE\nRUN echo runtime $MODE >>/opt/log\n";
    if image.has_secret {
        let (id, _) = SECRET;
        writeln!(text, "RUN --mount=type=secret,id={id} cp /run/secrets/{id} /opt/{id}").unwrap();
    }
    if image.has_assets {
        let (name, _) = ASSETS;
        writeln!(text, "COPY --from={name} . /opt/{name}").unwrap();
    }
    if image.has_redis {
        writeln!(text, "COPY --from={} /opt/log /opt/redis", naming.base("redis:7")).unwrap();
    }
    text += &copies;
    // The stage that is built where nobody names one; the target is an earlier one.
    text + "FROM runtime AS last\nRUN echo last >>/opt/log\n"
}

/// The steps of the stages up to the one that is called `runtime`.
fn steps(image: &Image, base: Option<String>, naming: &Naming) -> String {
    let here = image.here();
    let is_here = here == ".";
    let of = |name: &str| naming.base(name);
    let from = |name: &str| base.clone().unwrap_or_else(|| of(name));
    if image.layout == Layout::Argument {
        return format!("FROM {} AS runtime\nARG PROJECT\nCOPY ${{PROJECT}} /app\n", from("debian:12"));
    }
    match image.language {
        Language::Member(tool) => workspaces::steps(tool, image, &of, &from),
        Language::Go => {
            let package = if is_here { ".".to_owned() } else { format!("./{here}") };
            format!(
                "FROM {} AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /out/app {package}\n\
                 FROM {} AS runtime\nCOPY --from=build /out/app /usr/bin/app\nENTRYPOINT [\"app\"]\n",
                of("golang:1.22"),
                from("debian:12")
            )
        }
        Language::Node if is_here => format!(
            "FROM {} AS runtime\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\nCMD [\"node\", \"server.js\"]\n",
            from("node:22")
        ),
        Language::Node => format!(
            "FROM {} AS runtime\nWORKDIR /app\nCOPY package.json package-lock.json ./\nCOPY {here} {here}\nRUN npm ci\n\
             CMD [\"node\", \"{here}/server.js\"]\n",
            from("node:22")
        ),
        Language::Python if is_here => format!(
            "FROM {} AS runtime\nCOPY requirements.txt ./\nRUN pip install -r requirements.txt\nCOPY . /app\n\
             CMD [\"python\", \"/app/main.py\"]\n",
            from("python:3")
        ),
        Language::Python => format!(
            "FROM {} AS runtime\nCOPY {here}/requirements.txt /tmp/\nRUN pip install -r /tmp/requirements.txt\n\
             COPY {here} /app\n",
            from("python:3")
        ),
        Language::Redis => {
            format!("FROM {} AS runtime\nCOPY {here}/redis.conf /etc/redis.conf\n", from("redis:7"))
        }
        Language::Static => {
            format!("FROM {} AS runtime\nCOPY {here} /usr/share/nginx/html\n", from("nginx:1"))
        }
    }
}

/// What an image is made from, where its Dockerfile looks for it.
pub(super) fn sources(image: &Image) -> BTreeMap<String, Entry> {
    let Image { sources, context, .. } = image;
    let of_context: &[&str] = match image.language {
        Language::Go => &["go.mod", "go.sum"],
        Language::Node => &["package.json", "package-lock.json"],
        _ => &[],
    };
    let own: &[&str] = match image.language {
        Language::Go => &["main.go"],
        Language::Node => &["server.js"],
        Language::Python => &["requirements.txt", "main.py"],
        Language::Static => &["index.html"],
        Language::Redis => &["redis.conf"],
        Language::Member(_) => &[],
    };
    let file = |path: String, executable| {
        let content = format!("{path}\n");
        (path, Entry::File { content, executable })
    };
    let mut files: BTreeMap<String, Entry> = { of_context.iter() }
        .map(|name| file(join(context, name), false))
        .chain(own.iter().map(|name| file(join(sources, name), false)))
        .collect();
    if matches!(image.language, Language::Member(_)) {
        return files;
    }
    files.extend([
        file(join(sources, "bin/start"), true),
        file(join(sources, "docs/guide.md"), false),
        file(join(sources, "docs/api.json"), false),
        (join(sources, "start"), Entry::Link("bin/start".to_owned())),
    ]);
    if image.has_ignore_file {
        let needed: String = of_context.iter().chain(own).map(|name| format!("!{name}\n")).collect();
        let content = match image.style.is_multiple_of(3) {
            true => format!("# Only what the image needs\n*\n!bin\n!docs/*.md\n{needed}"),
            false => "# What no image needs\n*.log\ndocs/*.md\n**/*.md\n".to_owned(),
        };
        let path = match image.style.is_multiple_of(2) && image.named == image.dockerfile {
            true => format!("{}.dockerignore", image.dockerfile),
            false => join(context, ".dockerignore"),
        };
        files.insert(path, Entry::File { content, executable: false });
    }
    files
}
