//! Which modules a build knows: `go.mod`, the `use`s of `go.work`, and what they replace by folders.

use crate::infer::CopiedPath;
use crate::init::evidence::resolve;
use crate::init::packages::NarrowError;
use crate::init::packages::files::Files;
use crate::init::packages::manifests::unreadable;
use crate::model::{RepoPath, printable};

pub(super) const MODULE: &str = "go.mod";
const WORKSPACE: &str = "go.work";

/// The modules whose folders lie in the workspace.
#[derive(Debug)]
pub(super) struct Modules {
    pub(super) kind: &'static str,
    root: RepoPath,
    modules: Vec<Module>,
}

#[derive(Debug)]
struct Module {
    /// What the paths of its packages begin with.
    path: String,
    folder: RepoPath,
}

impl Modules {
    /// The modules of the workspace at the root of `files`; `None` where neither a workspace nor a module begins there.
    pub(super) fn read(files: &Files<'_>) -> Result<Option<Self>, NarrowError> {
        let root = files.root.clone();
        let workspace = root.join_component(WORKSPACE.as_bytes());
        let mut modules = Self { kind: "Go module", root: root.clone(), modules: Vec::new() };
        if files.has(&workspace) {
            modules.kind = "Go workspace";
            let statements = statements(&files.manifest(&workspace)?);
            for statement in &statements {
                if let [verb, folder] = statement.as_slice()
                    && verb == "use"
                {
                    let folder = resolve(&root, folder).filter(|folder| folder.is_within(&root));
                    modules.add_main(
                        files,
                        &folder.ok_or_else(|| unreadable(&workspace, "a module is outside"))?,
                    )?;
                }
            }
            modules.add_replaced(files, &workspace, &statements)?;
        } else if files.has(&root.join_component(MODULE.as_bytes())) {
            modules.add_main(files, &root)?;
        } else {
            return Ok(None);
        }
        // The longest path first: a module may lie in another.
        modules.modules.sort_by_key(|module| std::cmp::Reverse(module.path.len()));
        Ok(Some(modules))
    }

    /// Adds a module, and what its own file replaces.
    fn add_main(&mut self, files: &Files<'_>, folder: &RepoPath) -> Result<(), NarrowError> {
        let file = folder.join_component(MODULE.as_bytes());
        let statements = statements(&files.manifest(&file)?);
        let path = statements.iter().find_map(|statement| match statement.as_slice() {
            [verb, path] if verb == "module" => Some(path.clone()),
            _ => None,
        });
        let path = path.ok_or_else(|| unreadable(&file, "it has no `module`"))?;
        self.modules.push(Module { path, folder: folder.clone() });
        self.add_replaced(files, &file, &statements)
    }

    fn add_replaced(
        &mut self,
        files: &Files<'_>,
        file: &RepoPath,
        statements: &[Vec<String>],
    ) -> Result<(), NarrowError> {
        for statement in
            statements.iter().filter(|statement| statement.first().is_some_and(|verb| verb == "replace"))
        {
            let (Some(path), Some(by)) = (statement.get(1), statement.iter().position(|word| word == "=>"))
            else {
                return Err(unreadable(file, "a `replace` has no `=>`"));
            };
            let Some(written) = statement.get(by + 1).filter(|by| by.starts_with(['.', '/'])) else {
                continue;
            };
            let folder = resolve(&file.parent().unwrap_or_default(), written);
            let folder = folder.filter(|folder| folder.is_within(&self.root));
            let folder = folder.filter(|folder| files.has(&folder.join_component(MODULE.as_bytes())));
            let why = || {
                NarrowError::uncertain(format!(
                    "`{file}` replaces a module by `{}`, which is not there",
                    printable(written)
                ))
            };
            self.modules.push(Module { path: path.clone(), folder: folder.ok_or_else(why)? });
        }
        Ok(())
    }

    /// The folder of an imported package; `None` where it is of a module from elsewhere.
    pub(super) fn folder_of(&self, files: &Files<'_>, import: &str) -> Result<Option<RepoPath>, NarrowError> {
        let found = self.modules.iter().find_map(|module| {
            let rest = import.strip_prefix(&module.path)?;
            let rest = if rest.is_empty() { rest } else { rest.strip_prefix('/')? };
            Some((module, RepoPath::new(rest).ok()?))
        });
        let Some((module, rest)) = found else { return Ok(None) };
        let folder = module.folder.join(&rest);
        let between = std::iter::successors(Some(folder.clone()), RepoPath::parent);
        let mut between = between.take_while(|between| *between != module.folder);
        if between.any(|between| files.has(&between.join_component(MODULE.as_bytes()))) {
            let import = printable(import);
            return Err(NarrowError::uncertain(format!("`{import}` lies in a module of its own")));
        }
        Ok(Some(folder))
    }

    /// The path by which others import the package of a folder.
    pub(super) fn import_path_of(&self, folder: &RepoPath) -> String {
        let mut holding: Vec<&Module> =
            self.modules.iter().filter(|module| folder.is_within(&module.folder)).collect();
        holding.sort_by_key(|module| module.folder.as_bytes().len());
        let Some(module) = holding.last() else { return folder.to_string() };
        match folder.relative_to(&module.folder) {
            Some(own) if !own.is_root() => format!("{}/{own}", module.path),
            _ => module.path.clone(),
        }
    }

    /// What Go reads of all modules, and the packages that it keeps of others.
    pub(super) fn shared(&self, files: &Files<'_>) -> Vec<CopiedPath> {
        let of_modules = self.modules.iter().flat_map(|module| {
            [MODULE, "go.sum"].map(|name| CopiedPath::File(module.folder.join_component(name.as_bytes())))
        });
        let vendor = self.root.join_component(b"vendor");
        let has_vendored = files.has(&vendor.join_component(b"modules.txt"));
        let vendored = has_vendored.then_some(CopiedPath::Folder(vendor));
        let mut shared: Vec<CopiedPath> = of_modules.chain(vendored).collect();
        shared.sort();
        shared
    }
}

/// The statements of a `go.mod` or `go.work`, those in parentheses with the verb before these.
fn statements(text: &str) -> Vec<Vec<String>> {
    let mut statements = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default();
        let words: Vec<String> =
            line.split_whitespace().map(|word| word.trim_matches(['"', '`']).to_owned()).collect();
        match (words.as_slice(), &block) {
            ([], _) => {}
            ([close], Some(_)) if close == ")" => block = None,
            ([verb, open], None) if open == "(" => block = Some(verb.clone()),
            (_, Some(verb)) => statements.push([std::slice::from_ref(verb), &words].concat()),
            (_, None) => statements.push(words),
        }
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_stands_before_each_line_in_its_parentheses() {
        let text = "module \"a.b/c\" // x\n\nreplace (\n\tx v1 => ./y\n)\nuse ./z\n";

        assert_eq!(
            statements(text),
            [vec!["module", "a.b/c"], vec!["replace", "x", "v1", "=>", "./y"], vec!["use", "./z"]]
        );
    }
}
