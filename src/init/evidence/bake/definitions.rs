//! The definitions of bake files: blocks and attributes whose expressions are not evaluated yet.

use std::collections::BTreeMap;

use hcl_edit::expr::Expression;

use super::value::Value;
use crate::init::evidence::SourceLocation;

/// The attributes of targets that expressions can name.
pub(super) const REFERENCED: &[&str] = &[
    "annotations",
    "args",
    "attest",
    "cache-from",
    "cache-to",
    "call",
    "context",
    "contexts",
    "description",
    "dockerfile",
    "dockerfile-inline",
    "entitlements",
    "extra-hosts",
    "inherits",
    "labels",
    "network",
    "no-cache",
    "no-cache-filter",
    "output",
    "platforms",
    "pull",
    "secret",
    "shm-size",
    "ssh",
    "tags",
    "target",
    "targets",
    "ulimits",
];

/// What a set of files defines, later files over earlier ones.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    pub(super) variables: BTreeMap<String, Block>,
    pub(super) functions: BTreeMap<String, Block>,
    /// Attributes outside of blocks, which are variables too.
    pub(super) attributes: BTreeMap<String, Attribute>,
    /// In their order. Several may have one name.
    pub(super) targets: Vec<Block>,
    pub(super) groups: Vec<Block>,
}

#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) label: String,
    pub(super) at: SourceLocation,
    pub(super) attributes: BTreeMap<String, Attribute>,
}

#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) at: SourceLocation,
    pub(super) value: Expression,
}

/// A target as one block defines it.
#[derive(Clone, Debug)]
pub(super) struct Instance<'d> {
    pub(super) name: String,
    pub(super) block: &'d Block,
    /// The values of the matrix.
    pub(super) names: BTreeMap<String, Value>,
}

impl Definitions {
    /// Takes a block in; one of a kind that bake does not have is left out.
    pub(super) fn define(&mut self, kind: &str, block: Block) {
        match kind {
            "variable" => {
                self.variables.insert(block.label.clone(), block);
            }
            "function" => {
                self.functions.insert(block.label.clone(), block);
            }
            "target" => self.targets.push(block),
            "group" => self.groups.push(block),
            _ => {}
        }
    }
}
