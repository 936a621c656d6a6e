//! One file of MSBuild: a project, or what it imports.

use xmlparser::{ElementEnd, Token, Tokenizer};

use super::resolved;
use crate::init::packages::NarrowError;
use crate::init::packages::manifests::unreadable;
use crate::model::{RepoPath, printable};

/// The folder of the file itself.
const OWN: &str = "$(MSBuildThisFileDirectory)";

/// The folder of the project.
const PROJECT: [&str; 2] = ["$(MSBuildProjectDirectory)", "$(ProjectDir)"];

/// Elements whose `Include` is the name of something else than files.
const NAMES: [&str; 12] = [
    "AssemblyAttribute",
    "AssemblyMetadata",
    "DotNetCliToolReference",
    "FrameworkReference",
    "InternalsVisibleTo",
    "PackageReference",
    "PackageVersion",
    "GlobalPackageReference",
    "ProjectCapability",
    "Using",
    "PackageDownload",
    "RuntimeHostConfigurationOption",
];

/// What a file names.
#[derive(Debug, Default)]
pub(super) struct MsBuildFile {
    pub(super) references: Vec<Written>,
    /// Each with whether it may be missing.
    pub(super) imports: Vec<(Written, bool)>,
    /// Other files that may lie outside of the project's folder.
    pub(super) others: Vec<Written>,
    /// What is not certain of it.
    pub(super) doubt: Option<String>,
}

/// A path as it is written, but for its separators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) text: String,
}

impl Written {
    fn new(text: &str) -> Self {
        Self { text: text.trim().replace('\\', "/") }
    }

    /// Relative paths in imported files are those of the project, unless they say otherwise.
    pub(super) fn path(&self, project: &RepoPath, own: &RepoPath) -> Option<RepoPath> {
        if let Some(rest) = self.text.strip_prefix(OWN) {
            return resolved(own, rest.trim_start_matches('/'));
        }
        let of_project = PROJECT.iter().find_map(|start| self.text.strip_prefix(start));
        resolved(project, of_project.map_or(self.text.as_str(), |rest| rest.trim_start_matches('/')))
    }

    /// The folder before the first wildcard, and the glob from there.
    pub(super) fn before_wildcards(&self) -> (Self, Option<String>) {
        let parts: Vec<&str> = self.text.split('/').collect();
        match parts.iter().position(|part| part.contains(['*', '?'])) {
            None => (self.clone(), None),
            Some(wild) => {
                let folder = parts[..wild].join("/");
                let folder = if folder.is_empty() { ".".to_owned() } else { folder };
                (Self { text: folder }, Some(parts[wild..].join("/")))
            }
        }
    }

    /// Whether a property that is not known is in it.
    fn is_unknown(&self) -> bool {
        let rest = std::iter::once(OWN).chain(PROJECT).find_map(|start| self.text.strip_prefix(start));
        rest.unwrap_or(&self.text).contains(['$', '@', '%', '&', '[', '{'])
    }

    fn leads_out(&self) -> bool {
        self.text.contains("..") || self.text.starts_with(OWN)
    }
}

impl MsBuildFile {
    pub(super) fn read(path: &RepoPath, text: &str) -> Result<Self, NarrowError> {
        let mut file = Self::default();
        let mut element = Element::default();
        // The tokenizer takes a text that ends too early.
        let mut is_closed = false;
        for token in Tokenizer::from(text) {
            match token.map_err(|error| unreadable(path, &error.to_string()))? {
                Token::ElementStart { local, .. } => {
                    element = Element { name: local.as_str(), ..Element::default() }
                }
                Token::Attribute { local, value, .. } => match local.as_str() {
                    "Include" => element.include = Some(value.as_str()),
                    "Project" => element.project = Some(value.as_str()),
                    "Sdk" => element.is_of_sdk = true,
                    "Condition" => element.is_optional = value.as_str().to_lowercase().contains("exists"),
                    _ => file.other(path, value.as_str()),
                },
                Token::ElementEnd { end: ElementEnd::Close(..), .. } => is_closed = true,
                Token::ElementEnd { end, .. } => {
                    is_closed = end == ElementEnd::Empty;
                    file.element(path, &element);
                }
                Token::Text { text } | Token::Cdata { text, .. } => file.other(path, text.as_str()),
                _ => {}
            }
        }
        if !is_closed {
            return Err(unreadable(path, "it ends too early"));
        }
        Ok(file)
    }

    fn element(&mut self, path: &RepoPath, element: &Element<'_>) {
        match element {
            Element { name: "ProjectReference", include: Some(include), .. } => {
                for written in split(include) {
                    if written.is_unknown() || written.text.contains('*') {
                        self.doubt(path, &written);
                    }
                    self.references.push(written);
                }
            }
            Element { name: "Import", project: Some(project), is_of_sdk: false, is_optional, .. } => {
                let written = Written::new(project);
                // Files of this name in all folders above are taken.
                let is_above =
                    written.text.contains("GetPathOfFileAbove") && written.text.contains("Directory.");
                if is_above || written.text.starts_with("$(MSBuildExtensionsPath)") {
                } else if written.is_unknown() || written.text.contains('*') {
                    self.doubt(path, &written);
                } else {
                    self.imports.push((written, *is_optional));
                }
            }
            Element { name, include: Some(include), .. } if !NAMES.contains(name) => {
                for written in split(include) {
                    if written.is_unknown() && !written.text.starts_with("@(") {
                        self.doubt(path, &written);
                    } else if written.leads_out() {
                        self.others.push(written);
                    }
                }
            }
            _ => {}
        }
    }

    /// A value of which nobody says that it is a path.
    fn other(&mut self, path: &RepoPath, text: &str) {
        for written in split(text).into_iter().filter(|written| written.text.contains("../")) {
            if written.is_unknown() { self.doubt(path, &written) } else { self.others.push(written) }
        }
    }

    fn doubt(&mut self, path: &RepoPath, written: &Written) {
        self.doubt = Some(format!("`{path}` has a path that is not known: `{}`", printable(&written.text)));
    }
}

/// The parts of a list.
fn split(list: &str) -> Vec<Written> {
    list.split(';').map(Written::new).filter(|written| !written.text.is_empty()).collect()
}

#[derive(Debug, Default)]
struct Element<'t> {
    name: &'t str,
    include: Option<&'t str>,
    project: Option<&'t str>,
    is_of_sdk: bool,
    is_optional: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> MsBuildFile {
        MsBuildFile::read(&RepoPath::new("a.csproj").unwrap(), text).unwrap()
    }

    fn texts(written: &[Written]) -> Vec<&str> {
        written.iter().map(|written| written.text.as_str()).collect()
    }

    #[test]
    fn references_imports_and_files_of_other_folders_are_seen() {
        let file = read(
            r#"<Project Sdk="Microsoft.NET.Sdk">
  <Import Project="..\..\build\common.props" />
  <Import Project="local.props" Condition="Exists('local.props')" />
  <Import Project="$([MSBuild]::GetPathOfFileAbove('Directory.Build.props', '$(MSBuildThisFileDirectory)../'))" />
  <!-- <ProjectReference Include="..\No\No.csproj" /> -->
  <ItemGroup>
    <ProjectReference Include="..\Lib\Lib.csproj;../Core/Core.fsproj" />
    <PackageReference Include="Serilog" Version="$(SerilogVersion)" />
    <InternalsVisibleTo Include="$(AssemblyName).Tests" />
    <Compile Include="..\Shared\**\*.cs" Link="Shared\x" />
    <None Include="appsettings.json" CopyToOutputDirectory="Always" />
  </ItemGroup>
  <PropertyGroup><DockerfileContext>..\..</DockerfileContext><Icon>..\a.ico</Icon></PropertyGroup>
</Project>"#,
        );

        assert_eq!(file.doubt, None);
        assert_eq!(texts(&file.references), ["../Lib/Lib.csproj", "../Core/Core.fsproj"]);
        let imports: Vec<_> =
            file.imports.iter().map(|(written, is_optional)| (&*written.text, *is_optional)).collect();
        assert_eq!(imports, [("../../build/common.props", false), ("local.props", true)]);
        assert_eq!(texts(&file.others), ["../Shared/**/*.cs", "../..", "../a.ico"]);
    }

    #[test]
    fn paths_with_properties_are_doubts() {
        for element in [
            r#"<ProjectReference Include="$(Lib)\Lib.csproj" />"#,
            r#"<ProjectReference Include="..\*\*.csproj" />"#,
            r#"<Import Project="$(Root)common.props" />"#,
            r#"<Compile Include="$(Shared)/*.cs" />"#,
            r#"<None Remove="$(Root)\..\x" />"#,
            "<A>$(SolutionDir)../x</A>",
        ] {
            assert!(read(&format!("<Project>{element}</Project>")).doubt.is_some(), "{element}");
        }
        for text in ["<Project Include=></Project>", "<Project", "<Project>", "", "x"] {
            assert!(MsBuildFile::read(&RepoPath::new("a.csproj").unwrap(), text).is_err(), "{text}");
        }
    }
}
