//! What the nodes around a script say of it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::yaml::Node;
use super::Variables;
use super::value::Value;

/// What is said of a node by those that it is in.
#[derive(Clone, Debug)]
pub(super) struct Scope<'n> {
    pub(super) directory: Value,
    pub(super) variables: Rc<Variables>,
    /// By the names that templates have.
    pub(super) templates: Rc<BTreeMap<String, String>>,
    /// Scripts that run before each of the others.
    pub(super) before: Vec<&'n Rc<Node>>,
}
