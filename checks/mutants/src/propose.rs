//! Mutants that cargo-mutants does not propose: what goes wrong with steps, and not with values.
//!
//! A step is left out, or done after the next one; its error is swallowed; or a guard that nobody
//! asks anything is let go at once. That is what most bugs of locking and journalling are.

use crate::{Mutant, Position, Span};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// What a step is changed into.
pub const LEAVE_OUT: &str = "LeaveOut";
/// It and the next are exchanged.
pub const EXCHANGE: &str = "Exchange";
/// It may fail, and nobody asks.
pub const SWALLOW: &str = "Swallow";
/// What it takes is given back at once.
pub const LET_GO: &str = "LetGo";

/// How much of a step is quoted in the name of a mutant, in characters.
const QUOTED: usize = 60;

/// The mutants of a file, without numbers.
pub fn propose(file: &str, tree: &syn::File) -> Vec<Mutant> {
    let mut proposer = Proposer {
        file,
        owner: String::new(),
        function: String::new(),
        mutants: Vec::new(),
    };
    proposer.visit_file(tree);
    proposer.mutants
}

/// Whether the statement is a step: something is done for what it does and not for its value.
/// Telling what happens is none, nor is judging it.
pub fn is_step(statement: &syn::Stmt) -> bool {
    match statement {
        syn::Stmt::Expr(syn::Expr::If(_) | syn::Expr::ForLoop(_) | syn::Expr::While(_), _) => true,
        syn::Stmt::Expr(expression, Some(_)) => match attempt(expression).unwrap_or(expression) {
            syn::Expr::Call(call) => {
                let called = call.func.to_token_stream().to_string();
                let mut path = called.split(" :: ");
                !path.clone().any(|name| name == "trace") && !path.any(is_said_or_judged)
            }
            syn::Expr::MethodCall(_) | syn::Expr::Assign(_) => true,
            syn::Expr::Binary(binary) => is_assignment(&binary.op),
            _ => false,
        },
        _ => false,
    }
}

fn is_said_or_judged(function: &str) -> bool {
    [
        "access",
        "acknowledge",
        "acknowledged",
        "finding",
        "step",
        "expect_exclusive",
    ]
    .contains(&function)
}

/// What is tried in `…?`.
pub fn attempt(expression: &syn::Expr) -> Option<&syn::Expr> {
    match expression {
        syn::Expr::Try(attempt) => Some(&attempt.expr),
        _ => None,
    }
}

/// The name of a guard that nobody asks anything.
pub fn guard(statement: &syn::Stmt) -> Option<&syn::Ident> {
    let syn::Stmt::Local(local) = statement else {
        return None;
    };
    match &local.pat {
        syn::Pat::Ident(name) if name.ident.to_string().starts_with('_') => Some(&name.ident),
        _ => None,
    }
}

fn is_assignment(operator: &syn::BinOp) -> bool {
    operator.to_token_stream().to_string().ends_with('=')
        && !matches!(
            operator,
            syn::BinOp::Eq(_) | syn::BinOp::Ne(_) | syn::BinOp::Le(_) | syn::BinOp::Ge(_)
        )
}

struct Proposer<'a> {
    file: &'a str,
    owner: String,
    function: String,
    mutants: Vec<Mutant>,
}

impl Proposer<'_> {
    fn propose(&mut self, genre: &str, what: &str, statement: &syn::Stmt) {
        let start = Position::of(statement.span());
        let text = statement.span().source_text().unwrap_or_default();
        let mut quoted = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = quoted.char_indices().nth(QUOTED) {
            quoted.truncate(end);
            quoted.push('…');
        }
        let (file, Position { line, column }) = (self.file, start);
        let (owner, function) = (&self.owner, &self.function);
        self.mutants.push(Mutant {
            id: 0,
            file: file.to_owned(),
            name: format!("{file}:{line}:{column}: {what} `{quoted}` in {owner}{function}"),
            genre: genre.to_owned(),
            span: Span { start },
            replacement: String::new(),
        });
    }
}

impl<'a> Visit<'a> for Proposer<'_> {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        if !module.attrs.iter().any(is_for_tests) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_impl(&mut self, block: &'a syn::ItemImpl) {
        self.owner = block.self_ty.to_token_stream().to_string().replace(' ', "") + "::";
        visit::visit_item_impl(self, block);
        self.owner.clear();
    }

    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        self.function = function.sig.ident.to_string();
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        self.function = function.sig.ident.to_string();
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_block(&mut self, block: &'a syn::Block) {
        let next = block.stmts.iter().skip(1).map(Some).chain([None]);
        for (statement, next) in block.stmts.iter().zip(next) {
            if guard(statement).is_some() {
                self.propose(LET_GO, "let go at once of", statement);
            }
            if !is_step(statement) {
                continue;
            }
            self.propose(LEAVE_OUT, "leave out", statement);
            if let syn::Stmt::Expr(expression, _) = statement
                && attempt(expression).is_some()
            {
                self.propose(SWALLOW, "swallow the error of", statement);
            }
            if next.is_some_and(is_step) {
                self.propose(EXCHANGE, "do after the next step", statement);
            }
        }
        visit::visit_block(self, block);
    }
}

fn is_for_tests(attribute: &syn::Attribute) -> bool {
    attribute.to_token_stream().to_string().contains("test")
}
