//! Puts the mutants of a file around the expressions that they change.

use crate::propose;
use crate::switch;
use crate::text::{Insertions, Piece, Place};
use crate::{Mutant, Position};
use proc_macro2::Span;
use quote::ToTokens;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The text with the mutants in it, and where they are. What stands where no question can be asked
/// when the program runs, such as in a `const fn`, has no place.
pub fn place(source: &str, tree: &syn::File, mutants: &[&Mutant]) -> (String, Vec<Place>) {
    let mut placer = Placer {
        mutants,
        insertions: Insertions::default(),
    };
    placer.visit_file(tree);
    placer.insertions.apply(source)
}

struct Placer<'a> {
    mutants: &'a [&'a Mutant],
    insertions: Insertions,
}

impl<'a> Placer<'a> {
    /// The mutants of the `genre` that begin where the `span` does.
    fn at(&self, genre: &str, span: Span) -> impl Iterator<Item = &'a Mutant> {
        let start = Position::of(span);
        let mutants = self.mutants.iter().copied();
        mutants.filter(move |mutant| mutant.span.start == start && mutant.genre == genre)
    }

    /// Puts `if …` around an expression, for each of what it may be instead.
    fn choose(&mut self, expression: &dyn ToTokens, instead: Vec<(u32, String)>) {
        if instead.is_empty() {
            return;
        }
        let mut before = vec![glue("(")];
        for (id, text) in instead {
            before.push(Piece {
                text: format!("if {} {{ {text} }} ", switch::is(id)),
                id: Some(id),
            });
            before.push(glue("else "));
        }
        before.push(glue("{ "));
        let part = bytes(expression.to_token_stream().span());
        self.insertions.put(part, before, " })".to_owned());
    }

    /// Puts what a step may be instead around each of a block.
    fn change_steps(&mut self, statements: &[syn::Stmt]) {
        for (at, statement) in statements.iter().enumerate() {
            let mut before = Vec::new();
            let mut instead = |mutant: &Mutant, text: String| {
                before.push(Piece {
                    text: format!("if {} {{ {text} }} else ", switch::is(mutant.id)),
                    id: Some(mutant.id),
                });
            };
            let tokens = |statement: &syn::Stmt| statement.to_token_stream().to_string();
            for mutant in self.at(propose::LEAVE_OUT, statement.span()) {
                instead(mutant, String::new());
            }
            if let syn::Stmt::Expr(expression, _) = statement
                && let Some(attempt) = propose::attempt(expression)
            {
                for mutant in self.at(propose::SWALLOW, statement.span()) {
                    instead(mutant, format!("let _ = {};", attempt.to_token_stream()));
                }
            }
            for mutant in self.at(propose::EXCHANGE, statement.span()) {
                instead(mutant, tokens(&statements[at + 1]));
            }
            if let Some(previous) = at.checked_sub(1).map(|before| &statements[before]) {
                for mutant in self.at(propose::EXCHANGE, previous.span()) {
                    instead(mutant, tokens(previous));
                }
            }
            if !before.is_empty() {
                before.push(glue("{ "));
                self.insertions
                    .put(bytes(statement.span()), before, " }".to_owned());
            }
            if let Some(name) = propose::guard(statement) {
                let end = bytes(statement.span()).end;
                let go = self
                    .at(propose::LET_GO, statement.span())
                    .map(|mutant| Piece {
                        text: format!(" if {} {{ drop({name}); }}", switch::is(mutant.id)),
                        id: Some(mutant.id),
                    });
                let go = go.collect();
                self.insertions.put(end..end, go, String::new());
            }
        }
    }

    /// Lets a function return early.
    fn return_early(&mut self, block: &syn::Block) {
        let Some(first) = block.stmts.first() else {
            return;
        };
        let early = |mutant: &Mutant| Piece {
            text: format!(
                "if {} {{ return {}; }} ",
                switch::is(mutant.id),
                mutant.replacement
            ),
            id: Some(mutant.id),
        };
        let before = self.at("FnValue", first.span()).map(early).collect();
        let part = bytes(first.span()).start..bytes(block.brace_token.span.close()).start;
        self.insertions.put(part, before, String::new());
    }
}

impl<'a> Visit<'a> for Placer<'_> {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        if function.sig.constness.is_none() {
            self.return_early(&function.block);
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        if function.sig.constness.is_none() {
            self.return_early(&function.block);
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_trait_item_fn(&mut self, function: &'a syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.return_early(block);
            visit::visit_trait_item_fn(self, function);
        }
    }

    // These are computed by the compiler.
    fn visit_item_const(&mut self, _: &'a syn::ItemConst) {}
    fn visit_impl_item_const(&mut self, _: &'a syn::ImplItemConst) {}
    fn visit_item_static(&mut self, _: &'a syn::ItemStatic) {}
    fn visit_type(&mut self, _: &'a syn::Type) {}
    fn visit_expr_const(&mut self, _: &'a syn::ExprConst) {}
    fn visit_expr_repeat(&mut self, repeat: &'a syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
    }

    fn visit_block(&mut self, block: &'a syn::Block) {
        self.change_steps(&block.stmts);
        visit::visit_block(self, block);
    }

    fn visit_expr_binary(&mut self, binary: &'a syn::ExprBinary) {
        // A `let` is at home only directly in a condition.
        if !has_let(&binary.left) && !has_let(&binary.right) {
            let (left, right) = (&binary.left, &binary.right);
            let instead = self.at("BinaryOperator", binary.op.span()).map(|mutant| {
                let operator = &mutant.replacement;
                let [left, right] = [left, right].map(|side| side.to_token_stream());
                (mutant.id, format!("{left} {operator} {right}"))
            });
            let instead = instead.collect();
            self.choose(binary, instead);
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'a syn::ExprUnary) {
        let instead = self.at("UnaryOperator", unary.op.span());
        let instead = instead.map(|mutant| (mutant.id, unary.expr.to_token_stream().to_string()));
        let instead = instead.collect();
        self.choose(unary, instead);
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_struct(&mut self, expression: &'a syn::ExprStruct) {
        let fields = expression.fields.iter().enumerate();
        let instead = fields.flat_map(|(number, field)| {
            let mut others = expression.clone();
            let kept = expression.fields.iter().enumerate();
            let kept = kept.filter(|(other, _)| *other != number);
            others.fields = kept.map(|(_, field)| field.clone()).collect();
            if !others.fields.is_empty() {
                others.fields.push_punct(Default::default());
            }
            let others = others.to_token_stream().to_string();
            self.at("StructField", field.span())
                .map(move |mutant| (mutant.id, others.clone()))
        });
        let instead = instead.collect();
        self.choose(expression, instead);
        visit::visit_expr_struct(self, expression);
    }

    fn visit_arm(&mut self, arm: &'a syn::Arm) {
        let goes_on = |mutant: &Mutant| format!("!{}", switch::is(mutant.id));
        let deleted = self.at("MatchArm", arm.span()).next();
        let guard = match &arm.pat {
            syn::Pat::Guard(guarded) => Some(&guarded.guard),
            _ => None,
        };
        match (guard, deleted) {
            (None, Some(mutant)) => {
                let piece = Piece {
                    text: format!(" if {}", goes_on(mutant)),
                    id: Some(mutant.id),
                };
                let end = bytes(arm.pat.span()).end;
                self.insertions.put(end..end, vec![piece], String::new());
            }
            (Some(guard), deleted) => {
                let mut before = Vec::new();
                let mut after = String::new();
                if let Some(mutant) = deleted {
                    before.push(Piece {
                        text: format!("{} && (", goes_on(mutant)),
                        id: Some(mutant.id),
                    });
                    after.push(')');
                }
                for mutant in self.at("MatchArmGuard", guard.span()) {
                    let on = switch::is(mutant.id);
                    let text = match mutant.replacement.as_str() {
                        "true" => format!("{on} || ("),
                        _ => format!("!{on} && ("),
                    };
                    before.push(Piece {
                        text,
                        id: Some(mutant.id),
                    });
                    after.push(')');
                }
                self.insertions.put(bytes(guard.span()), before, after);
            }
            (None, None) => {}
        }
        visit::visit_arm(self, arm);
    }
}

/// Text that is no mutant's own.
fn glue(text: &str) -> Piece {
    Piece {
        text: text.to_owned(),
        id: None,
    }
}

/// Whether the expression has a `let` that is part of the condition that it is part of.
fn has_let(expression: &syn::Expr) -> bool {
    match expression {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

fn bytes(span: Span) -> Range<usize> {
    span.byte_range()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(id: u32, genre: &str, line: usize, column: usize, replacement: &str) -> Mutant {
        Mutant {
            id,
            file: String::new(),
            name: String::new(),
            genre: genre.to_owned(),
            span: crate::Span {
                start: Position { line, column },
            },
            replacement: replacement.to_owned(),
        }
    }

    fn placed(source: &str, mutants: &[Mutant]) -> String {
        let tree = syn::parse_file(source).expect("is Rust");
        let mutants = mutants.iter().collect::<Vec<_>>();
        let (text, places) = place(source, &tree, &mutants);
        syn::parse_file(&text).expect("is Rust still");
        for (id, own, _) in places {
            assert!(text[own.0..own.1].contains(&switch::is(id)));
        }
        text.replace("crate::mutant::is", "is")
    }

    #[test]
    fn operators_are_chosen_and_what_is_in_them_is_changed_only_where_they_are_not() {
        let source = "fn f() -> bool { a + b == !c }";
        let mutants = [
            mutant(1, "BinaryOperator", 1, 24, "!="),
            mutant(2, "BinaryOperator", 1, 20, "-"),
            mutant(3, "BinaryOperator", 1, 20, "*"),
            mutant(4, "UnaryOperator", 1, 27, ""),
            mutant(5, "FnValue", 1, 18, "true"),
        ];
        assert_eq!(
            placed(source, &mutants),
            "fn f() -> bool { if is(5) { return true; } (if is(1) { a + b != ! c } else { \
             (if is(2) { a - b } else if is(3) { a * b } else { a + b }) == \
             (if is(4) { c } else { !c }) }) }"
        );
    }

    #[test]
    fn arms_and_their_guards_and_fields_are_left_out() {
        let source = "fn f() { match a { b => 1, c if d => 2, _ => S { x, y, ..z } } }";
        let mutants = [
            mutant(1, "MatchArm", 1, 20, ""),
            mutant(2, "MatchArm", 1, 28, ""),
            mutant(3, "MatchArmGuard", 1, 33, "true"),
            mutant(4, "MatchArmGuard", 1, 33, "false"),
            mutant(5, "StructField", 1, 50, ""),
        ];
        assert_eq!(
            placed(source, &mutants),
            "fn f() { match a { b if !is(1) => 1, c if !is(2) && (is(3) || (!is(4) && (d))) => 2, \
             _ => (if is(5) { S { y , .. z } } else { S { x, y, ..z } }) } }"
        );
    }

    #[test]
    fn steps_are_left_out_exchanged_and_swallowed_and_guards_let_go() {
        let source = "fn f() { let _g = h(); a()?; b.c(); }";
        let mutants = propose::propose("f.rs", &syn::parse_file(source).expect("is Rust"));
        let genres = mutants.iter().map(|mutant| mutant.genre.as_str());
        use propose::{EXCHANGE, LEAVE_OUT, LET_GO, SWALLOW};
        let expected = [LET_GO, LEAVE_OUT, SWALLOW, EXCHANGE, LEAVE_OUT];
        assert!(
            genres.eq(expected),
            "{:?}",
            mutants
                .iter()
                .map(|mutant| &mutant.name)
                .collect::<Vec<_>>()
        );
        let numbered = mutants.into_iter().zip(1..);
        let mutants = numbered
            .map(|(mutant, id)| Mutant { id, ..mutant })
            .collect::<Vec<_>>();
        assert_eq!(
            placed(source, &mutants),
            "fn f() { let _g = h(); if is(1) { drop(_g); } \
             if is(2) {  } else if is(3) { let _ = a (); } else if is(4) { b . c () ; } else { \
             a()?; } \
             if is(5) {  } else if is(4) { a () ? ; } else { b.c(); } }"
        );
    }

    #[test]
    fn what_the_compiler_computes_and_conditions_with_a_pattern_are_left_alone() {
        let source = "const fn f() -> bool { a == b } fn g() { if let c = d && e {} [0; 1 + 1]; }";
        let mutants = [
            mutant(1, "FnValue", 1, 24, "true"),
            mutant(2, "BinaryOperator", 1, 26, "!="),
            mutant(3, "BinaryOperator", 1, 56, "||"),
            mutant(4, "BinaryOperator", 1, 69, "-"),
        ];
        assert_eq!(placed(source, &mutants), source);
    }
}
