"""The kernel as its clients see it: the protocol's own test suite, and what is ours.

Usage: kernel.py CHECKOUT [unittest arguments]

It needs what `inorm lab --prepare` sets up.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from queue import Empty

import jupyter_kernel_test
from kernel_client import (
    PATIENCE,
    Kernel,
    cache,
    directory_of,
    kernels_of,
    kinds,
    notebook,
    read,
    spare_command,
    start_spare,
    text,
    wait_for,
)

CHECKOUT = Path(sys.argv.pop(1)).resolve()
DEPENDENCY = ':dep inorm = { path = "..", default-features = false, features = ["cpu"] }'
# How often each side is killed; a look for something rare wants 25.
KILLS = int(os.environ.get("INORM_KILLS", "8"))


def start():
    return Kernel(CHECKOUT / "notebooks")


class Protocol(jupyter_kernel_test.KernelTests):
    """The suite of the Jupyter project, with every optional part that a Rust kernel can have."""

    kernel_name = "inorm"
    language_name = "Rust"
    file_extension = ".rs"
    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("something to know");'
    code_generate_error = 'panic!("on purpose");'
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": '"six"', "result": '"six"'},
    ]
    code_display_data = [
        {
            "code": 'inorm::notebook::Table::empty("One").show();',
            "mime": "text/html",
        },
    ]
    code_clear_output = "inorm::notebook::clear();"
    completion_samples = [{"text": "std::collections::HashMa", "matches": {"HashMap"}}]
    complete_code_samples = ["let a = 1;", "fn f() -> u8 { 1 }", "'{'"]
    incomplete_code_samples = ["fn f() {", "let a = [1,", '"text', "/* comment"]
    invalid_code_samples = ["let a = 1)", "(]"]
    code_history_pattern = "6 ?*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "std::vec::Vec::<u8>::new("

    @classmethod
    def setUpClass(cls):
        cls.kernel = start()
        cls.km, cls.kc = cls.kernel.manager, cls.kernel.client
        cls.kernel.run(DEPENDENCY)

    @classmethod
    def tearDownClass(cls):
        cls.kernel.end()


class Session(unittest.TestCase):
    """One reader, from the page's first second to the last."""

    @classmethod
    def setUpClass(cls):
        cls.kernel = start()
        early, after = cls.kernel.client.execute(DEPENDENCY), cls.kernel.client.execute("1 + 1")
        cls.early = cls.kernel.outcome(early)
        # Its status messages were skipped while the first was waited for, or are still to come.
        while cls.kernel.client.get_shell_msg(timeout=PATIENCE)["parent_header"]["msg_id"] != after:
            pass

    @classmethod
    def tearDownClass(cls):
        cls.kernel.end()

    def run_cell(self, code, **options):
        return self.kernel.run(code, **options)

    def failing(self, code):
        outputs, reply = self.run_cell(code)
        self.assertEqual(reply["status"], "error")
        errors = [content for kind, content in outputs if kind == "error"]
        self.assertEqual([error["evalue"] for error in errors], [reply["evalue"]])
        return reply["evalue"], "\n".join(reply["traceback"])

    def test_an_early_cell_says_what_it_waits_for_and_then_no_more(self):
        outputs, reply = self.early
        self.assertEqual(reply["status"], "ok")
        shown = kinds(outputs)
        self.assertEqual(shown[0], "display_data")
        self.assertEqual(shown[-1], "clear_output")
        self.assertEqual(set(shown[1:-1]), {"update_display_data"})
        first = outputs[[kind for kind, _ in outputs].index("display_data")][1]
        self.assertIn("preparing the library", first["data"]["text/plain"])

    def test_a_panic_says_what_and_where_and_keeps_variables(self):
        self.run_cell("let kept = 5;")
        value, traceback = self.failing('let a = 1;\nassert!(a > 1, "too small");')
        self.assertEqual(value, "too small (panic in line 2 of the cell)")
        self.assertIn('assert!(a > 1, "too small");', traceback)
        self.assertNotIn("backtrace", traceback)
        outputs, _ = self.run_cell("kept")
        self.assertEqual(outputs[-1][1]["data"]["text/plain"], "5")

    def test_a_panic_that_the_cell_catches_is_no_error(self):
        code = "std::panic::catch_unwind(|| panic!()).is_err()"
        outputs, reply = self.run_cell(code)
        self.assertEqual((reply["status"], kinds(outputs)), ("ok", ["execute_result"]))

    def test_a_question_mark_says_what_and_where(self):
        value, _ = self.failing('let a = 1;\nlet number: u8 = "seven".parse()?;')
        where = "(returned by ? in line 2 of the cell)"
        self.assertEqual(value, f"invalid digit found in string {where}")

    def test_an_error_of_the_compiler_keeps_its_carets(self):
        value, traceback = self.failing('let a = 1;\nlet number: u8 = "seven";')
        self.assertEqual(value, "mismatched types (line 2 of the cell)")
        self.assertIn("╰", traceback)
        self.assertIn("cell ", traceback)

    def test_errors_without_a_report_have_a_line(self):
        for code, expected in [
            ('println!("ε");\nlet number: u8 = "seven";', "mismatched types (line 2 of the cell)"),
            ("let a = 1;\nuse std::nothing::here;", "(line 2 of the cell)"),
            ("1 / 0", "this operation will panic at runtime (line 1 of the cell)"),
        ]:
            value, _ = self.failing(code)
            self.assertTrue(value.endswith(expected), value)

    def test_text_without_a_newline_appears_where_it_was_printed(self):
        code = 'use std::io::Write;\nprint!("a"); std::io::stdout().flush()?; print!("b"); 1'
        outputs, reply = self.run_cell(code)
        self.assertEqual((reply["status"], text(outputs)), ("ok", "ab"))
        self.assertEqual(kinds(outputs)[-1], "execute_result")

    def test_a_hundred_thousand_lines_come_complete_and_in_order(self):
        outputs, _ = self.run_cell('for i in 0..100_000 { println!("line {i}"); }')
        self.assertEqual(text(outputs), "".join(f"line {i}\n" for i in range(100_000)))

    def test_several_values_of_a_cell_all_appear(self):
        table = 'inorm::notebook::Table::empty("{}").show();'
        code = table.format("One") + ' println!("between"); ' + table.format("Two") + " 3"
        outputs, _ = self.run_cell(code)
        self.assertEqual(
            kinds(outputs), ["display_data", "stream", "display_data", "execute_result"]
        )

    def test_a_progress_bar_changes_in_place_and_ends_as_a_line(self):
        code = """let mut progress = inorm::notebook::Progress::new("steps", 20);
        for _ in 0..20 { std::thread::sleep(std::time::Duration::from_millis(40)); progress.advance(1); }
        progress.finish();"""
        outputs, _ = self.run_cell(code)
        shown = [content for kind, content in outputs if kind.endswith("display_data")]
        self.assertEqual(len({content["transient"]["display_id"] for content in shown}), 1)
        self.assertGreater(len(shown), 2)
        self.assertEqual(shown[-1]["data"], {"text/plain": "steps: all 20 done"})

    def test_a_training_shows_curves_and_leaves_lines(self):
        outputs, reply = self.run_cell(
            """use inorm::{Condition, configuration::configuration, dataset::FashionMnist};
            use inorm::{learning::Run, notebook::train_all};
            let data = FashionMnist::subset()?;
            let run = Run::new(Condition::ELn, &configuration(13)?).epochs(60);
            let records = train_all(&[run], &data)?;"""
        )
        self.assertEqual(reply["status"], "ok")
        shown = [content["data"] for kind, content in outputs if kind.endswith("display_data")]
        self.assertTrue(any("data:image/png;base64," in d.get("text/html", "") for d in shown))
        self.assertEqual(set(shown[-1]), {"text/plain"})
        final = shown[-1]["text/plain"]
        self.assertRegex(final, r"^e_ln  test accuracy \d\d\.\d % after 60 epochs$")

    def test_an_interrupted_training_returns_what_it_has(self):
        self.run_cell("let before = 1usize;")
        self.kernel.interrupt_after(8)
        outputs, reply = self.run_cell(
            """use inorm::{Condition, configuration::configuration, dataset::FashionMnist};
            use inorm::{learning::Run, notebook::train_all};
            let run = Run::new(Condition::ELn, &configuration(13)?).epochs(100_000);
            let partial = train_all(&[run], &FashionMnist::subset()?)?;"""
        )
        self.assertEqual((reply["status"], reply["ename"]), ("error", "Interrupted"))
        self.assertIn("every variable", reply["evalue"])
        outputs, _ = self.run_cell("before + partial.len()")
        self.assertEqual(outputs[-1][1]["data"]["text/plain"], "2")

    def test_a_cell_that_does_not_react_is_ended_and_what_is_lost_is_said(self):
        self.run_cell('let precious = "x".to_owned();')
        self.kernel.interrupt_after(5)
        value, _ = self.failing("loop { std::thread::sleep(std::time::Duration::from_secs(1)); }")
        self.assertIn("by force", value)
        self.assertIn("precious", value)
        outputs, _ = self.run_cell("let a = 7; a")
        self.assertEqual(outputs[-1][1]["data"]["text/plain"], "7")

    def test_a_program_that_dies_is_said_and_replaced(self):
        value, _ = self.failing("std::process::abort();")
        self.assertIn("SIGABRT", value)
        _, reply = self.run_cell("assert_eq!(1, 1);")
        self.assertEqual(reply["status"], "ok")

    def test_cells_after_an_error_are_aborted_unless_the_client_wants_them(self):
        for stop, expected in [(True, "aborted"), (False, "ok")]:
            failing = self.kernel.client.execute('panic!("stop");', stop_on_error=stop)
            following = self.kernel.client.execute("1")
            replies = {}
            while len(replies) < 2:
                reply = self.kernel.client.get_shell_msg(timeout=PATIENCE)
                replies[reply["parent_header"]["msg_id"]] = reply["content"]["status"]
            self.assertEqual(replies, {failing: "error", following: expected})

    def test_counts_silence_and_expressions(self):
        _, first = self.run_cell("1")
        outputs, silent = self.run_cell("1", silent=True)
        self.assertEqual(kinds(outputs), [])
        self.assertNotIn("execute_input", [kind for kind, _ in outputs])
        outputs, next_one = self.run_cell("1", user_expressions={"sum": "2 + 3", "bad": "nothing"})
        self.assertEqual(silent["execution_count"], first["execution_count"])
        self.assertEqual(next_one["execution_count"], first["execution_count"] + 1)
        self.assertEqual(outputs[-1][1]["execution_count"], next_one["execution_count"])
        values = next_one["user_expressions"]
        self.assertEqual(values["sum"]["data"]["text/plain"], "5")
        self.assertEqual(values["bad"]["status"], "error")

    def test_a_cell_can_ask_the_reader(self):
        # What the functions of the package evcxr_input do.
        code = """println!("EVCXR_INPUT_REQUEST:your name? ");
let mut name = String::new();
std::io::stdin().read_line(&mut name)?;
println!("hello, {}", name.trim());"""
        for answer in ["Dale", "", "Ångström, ≥ 0"]:
            asking = self.kernel.client.execute(code, allow_stdin=True)
            question = self.kernel.client.get_stdin_msg(timeout=PATIENCE)
            self.assertEqual(question["parent_header"]["msg_id"], asking)
            self.assertEqual(question["content"], {"prompt": "your name? ", "password": False})
            self.kernel.client.input(answer)
            outputs, reply = self.kernel.outcome(asking)
            self.assertEqual((text(outputs), reply["status"]), (f"hello, {answer}\n", "ok"))

    def test_only_what_the_reader_has_defined_is_there(self):
        self.run_cell("let mine = 5;")
        outputs, _ = self.run_cell(":vars")
        listed = str(outputs)
        self.assertIn("mine", listed)
        self.assertNotIn("inorm_is_ready", listed)

    def test_the_kernel_answers_while_a_cell_runs(self):
        sleeping = self.kernel.client.execute(
            "std::thread::sleep(std::time::Duration::from_secs(4));"
        )
        time.sleep(0.5)
        began = time.monotonic()
        asked = self.kernel.client.kernel_info()
        reply = self.kernel.client.get_shell_msg(timeout=PATIENCE)
        self.assertEqual(reply["parent_header"]["msg_id"], asked)
        self.assertLess(time.monotonic() - began, 3)
        self.kernel.outcome(sleeping)

    def test_a_request_that_is_not_signed_with_the_key_is_refused(self):
        client = self.kernel.manager.client()
        client.session.key = b"another key"
        client.start_channels(stdin=False, hb=False, iopub=False, control=False)
        client.kernel_info()
        with self.assertRaises(Empty):
            client.get_shell_msg(timeout=1)
        client.stop_channels()

    def test_nobody_else_can_listen_or_read_the_key(self):
        directory = self.kernel.directory()
        self.assertEqual(directory.stat().st_mode & 0o077, 0)
        self.assertEqual((directory / "backend.json").stat().st_mode & 0o077, 0)
        hexadecimal = "".join(f"{byte:02X}" for byte in socket.inet_aton("127.0.0.1")[::-1])
        processes = [self.kernel.process, self.kernel.backend()]
        sockets = {os.readlink(link) for process in processes for link in descriptors(process)}
        listening = [
            line.split()
            for line in read(Path("/proc/net/tcp")).splitlines()[1:]
            if line.split()[3] == "0A" and f"socket:[{line.split()[9]}]" in sockets
        ]
        self.assertGreaterEqual(len(listening), 10)
        self.assertEqual({fields[1].split(":")[0] for fields in listening}, {hexadecimal})


class Faults(unittest.TestCase):
    """What goes wrong in a cell is said in that cell, and keeps to it."""

    @classmethod
    def setUpClass(cls):
        cls.kernel = start()
        cls.kernel.run(DEPENDENCY)

    @classmethod
    def tearDownClass(cls):
        cls.kernel.end()

    def failing(self, code, **options):
        outputs, reply = self.kernel.run(code, **options)
        self.assertEqual(reply["status"], "error", outputs)
        return reply["evalue"], outputs

    def value(self, code):
        outputs, reply = self.kernel.run(code)
        self.assertEqual(reply["status"], "ok", reply)
        return text(outputs).strip()

    def test_a_library_that_is_not_there_is_named(self):
        declared = '#[link(name = "nosuchlibrary")] unsafe extern "C" { fn nothing(); }'
        said, _ = self.failing(declared + "\nunsafe { nothing() }")
        self.assertRegex(said, "linking with `cc` failed.*\\n.*nosuchlibrary")

    def test_bytes_that_are_no_text_are_replaced(self):
        for write in [
            'use std::io::Write;\nstd::io::stderr().write_all(b"a\\xffb\\n")?;',
            r"""std::process::Command::new("printf").arg("a\\377b\\n").stdout(std::io::stderr()).status()?;""",
            'use std::io::Write;\nstd::io::stderr().write_all(b"a\\xc3")?; print!("b");',
        ]:
            outputs, reply = self.kernel.run(write)
            self.assertEqual(reply["status"], "ok", reply)
            self.assertRegex(text(outputs, "stderr"), "^a\N{REPLACEMENT CHARACTER}")
        outputs, _ = self.kernel.run('eprintln!("as before");')
        self.assertEqual(text(outputs, "stderr"), "as before\n")
        value, _ = self.failing('let number: u8 = "seven".parse()?;')
        self.assertTrue(value.startswith("invalid digit found in string ("), value)

    def test_what_a_cell_says_is_no_part_of_its_error(self):
        for own in ["half a line", "50 %\\r", "a line\\n", "two\\nlines\\n"]:
            value, outputs = self.failing(f'eprint!("{own}"); "seven".parse::<u8>()?;')
            self.assertTrue(value.startswith("invalid digit found in string ("), value)
            self.assertEqual(text(outputs, "stderr"), own.encode().decode("unicode_escape"))
        value, outputs = self.failing('Err::<(), _>("one\\ntwo")?;')
        self.assertTrue(value.startswith("one\ntwo ("), value)
        self.assertEqual(text(outputs, "stderr"), "")

    def test_half_a_line_appears_in_its_cell(self):
        for said in ["no newline", "10 %\\r20 %\\r"]:
            outputs, _ = self.kernel.run(f'eprint!("{said}");')
            self.assertEqual(text(outputs, "stderr"), said.replace("\\r", "\r"))
        self.assertEqual(text(self.kernel.run("let a = 1;")[0], "stderr"), "")

    def test_what_is_said_last_by_a_program_that_dies_is_heard(self):
        outputs, _ = self.kernel.run('eprintln!("the last words"); std::process::abort();')
        self.assertIn("the last words", text(outputs, "stderr"))

    def test_a_panic_that_ends_the_program_is_heard(self):
        for dying in [
            'extern "C" fn called() { panic!("the reason"); } called();',
            """struct Last;
            impl Drop for Last { fn drop(&mut self) { panic!("the reason"); } }
            let last = Last;
            panic!("the first of two");""",
        ]:
            outputs, reply = self.kernel.run(dying)
            self.assertIn("panicked: the reason", text(outputs, "stderr"))
            self.assertIn("SIGABRT", reply["evalue"])

    def test_a_thread_speaks_in_its_own_cell(self):
        speaking = self.kernel.client.execute(
            """std::thread::spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(1500));
                println!("late"); eprintln!("and wrong");
            });"""
        )
        self.kernel.outcome(speaking)
        time.sleep(2.5)
        outputs, _ = self.kernel.run("println!(\"mine\");")
        self.assertEqual((text(outputs), text(outputs, "stderr")), ("mine\n", ""))

    def test_a_macro_that_is_not_used_is_no_error(self):
        self.value("macro_rules! unused { () => { 1 } }")
        value, _ = self.failing('let number: u8 = "seven";')
        self.assertEqual(value, "mismatched types (line 1 of the cell)")
        value, _ = self.failing("1+")
        self.assertNotIn("unused", value)

    def test_an_endless_loop_that_prints_is_interrupted(self):
        began = time.monotonic()
        self.kernel.interrupt_after(5)
        value, outputs = self.failing("loop { println!(\"{}\", \"x\".repeat(99)); }")
        self.assertIn("by force", value)
        self.assertLess(time.monotonic() - began, 20)


    def test_an_error_after_an_interrupt_is_not_hidden(self):
        wait = "while !inorm::notebook::interrupted() { std::thread::yield_now(); }\n"
        for failure, said in [
            ('panic!("on the way out");', "on the way out (panic in line 2"),
            ('"seven".parse::<u8>()?;', "invalid digit found in string (returned"),
        ]:
            self.kernel.interrupt_after(5)
            value, _ = self.failing(wait + failure)
            self.assertTrue(value.startswith(said), value)

    def test_a_panic_is_placed_in_the_cell_that_was_written(self):
        _, reply = self.kernel.run("fn third(v: &[u8]) -> u8 {\n    let at = 2;\n    v[at]\n}")
        value, _ = self.failing("let v = vec![1, 2]; third(&v)")
        self.assertIn(f"(panic in line 3 of cell {reply['execution_count']})", value)
        value, _ = self.failing("let a = 1;\nlet w = vec![1, 2]; w[5]")
        self.assertIn("(panic in line 2 of the cell)", value)

    def test_an_expression_that_never_ends_is_interrupted_as_a_cell_is(self):
        self.kernel.interrupt_after(6)
        began = time.monotonic()
        outputs, reply = self.kernel.run("1", user_expressions={"endless": "{ while true { std::thread::yield_now() } 1 }", "sum": "2 + 3"})
        self.assertLess(time.monotonic() - began, 60)
        values = reply["user_expressions"]
        self.assertEqual(values["endless"]["ename"], "Interrupted")
        self.assertEqual(values["sum"]["data"]["text/plain"], "5")
        self.assertEqual(kinds(outputs), ["execute_result"])

    def test_a_brace_too_many_is_an_error(self):
        for code in ["}", "let lone = 1;\n}"]:
            value, _ = self.failing(code)
            self.assertIn(f"(line {len(code.splitlines())} of the cell)", value)

    def test_a_stack_overflow_is_named(self):
        code = "fn deep(n: u64) -> u64 { if n == 0 { 0 } else { 1 + std::hint::black_box(deep(n + 1)) } }"
        self.value(code)
        _, reply = self.kernel.run('println!("{}", deep(1));')
        self.assertIn("stack overflow", "\n".join(reply["traceback"]))

    def test_what_a_new_type_costs_is_said_in_its_cell(self):
        self.value("#[derive(Debug)] struct Kind { a: u8 }\nlet of_kind = Kind { a: 1 };")
        outputs, _ = self.kernel.run("#[derive(Debug)]\nstruct Kind {\n    b: u8,\n}")
        self.assertIn("of_kind was lost: its type was defined anew", text(outputs, "stderr"))
        outputs, _ = self.kernel.run("Kind { b: 2 }")
        self.assertEqual((kinds(outputs), text(outputs, "stderr")), (["execute_result"], ""))

    def test_it_is_said_which_cell_has_moved_a_variable(self):
        self.value('let owned = String::from("a"); let borrowed = 1;')
        _, moving = self.kernel.run("let other = owned;")
        self.value("borrowed + 1;")
        _, reply = self.kernel.run("owned")
        said = f"`owned` was there until cell {moving['execution_count']}"
        self.assertIn(said, "\n".join(reply["traceback"]))
        for failure in ['panic!("on purpose");', 'Err::<(), _>("on purpose")?;']:
            self.value('let owned = String::from("a");')
            _, failing = self.kernel.run(f"let taken = owned; {failure}")
            self.assertEqual(failing["traceback"][-1], "Lost, because the cell moves them: owned")
            _, reply = self.kernel.run("owned")
            said = f"`owned` was there until cell {failing['execution_count']}"
            self.assertIn(said, "\n".join(reply["traceback"]))
        self.value('let owned = 2;')
        _, reply = self.kernel.run("owned + missing")
        self.assertNotIn("was there until", "\n".join(reply["traceback"]))

    def test_wrong_wiring_says_what_to_write_instead(self):
        self.value("use inorm::{layers::{Ei, INorm, LayerNorm}, networks::Network};")
        wrong = {
            "Network::<(Ei<784, 60, 6>)>::new(0)?;": "has a comma: `(Ei<784, 100, 10>,)`",
            "Network::<(INorm<784, 60, 6, LayerNorm>,)>::new(0)?;": "belong to `Excitatory` and `Ei`",
        }
        for code, advice in wrong.items():
            with self.subTest(code=code):
                _, reply = self.kernel.run(code)
                said = "\n".join(reply["traceback"])
                self.assertIn(advice, said)
                self.assertNotIn("trait bounds were not satisfied", said)

    def test_weights_are_changed_where_they_are(self):
        self.value("use inorm::{layers::Ei, networks::Network};")
        self.value("let mut changed = Network::<(Ei<784, 60, 6>,)>::new(0)?;")
        outputs, reply = self.kernel.run(
            "changed.hidden.0.w_ee = &changed.hidden.0.w_ee * 0.5;\nchanged.hidden.0.w_ee"
        )
        self.assertEqual((reply["status"], kinds(outputs)), ("ok", ["execute_result"]), reply)
        self.value("changed.hidden.0.w_ee.sizes();")

    def test_standard_input_is_at_its_end_unless_the_reader_is_asked(self):
        code = """let mut line = String::new();
        println!("{}", std::io::stdin().read_line(&mut line)?);"""
        for _ in range(2):
            outputs, reply = self.kernel.run(code, patience=60)
            self.assertEqual((reply["status"], text(outputs)), ("ok", "0\n"))
            self.assertIn("standard input is at its end", text(outputs, "stderr"))
        self.assertEqual(self.value("println!(\"{}\", 6 * 7);"), "42")

    def test_the_library_speaks_to_the_kernel_after_a_restart_too(self):
        self.kernel.run(DEPENDENCY + "\nuse inorm::notebook::Table;\nlet before = 1;")
        self.kernel.run("before + 1")
        for command in [":restart", ":clear"]:
            with self.subTest(command=command):
                self.kernel.run(command)
                code = DEPENDENCY + '\ninorm::notebook::clear();\nprintln!("after");'
                outputs, reply = self.kernel.run(code)
                self.assertEqual((reply["status"], text(outputs)), ("ok", "after\n"))

    def test_a_request_needs_no_more_than_an_id_and_a_type(self):
        client, session = self.kernel.client, self.kernel.client.session
        for missing in [{"username": None}, {"session": 7, "version": 5.3}, {}]:
            identifier = str(random.random())
            header = {"msg_id": identifier, "msg_type": "kernel_info_request", **missing}
            parts = [json.dumps(header).encode(), b"", b"", b""]
            client.shell_channel.socket.send_multipart([b"<IDS|MSG>", session.sign(parts), *parts])
            reply = client.get_shell_msg(timeout=PATIENCE)
            self.assertEqual(reply["parent_header"]["msg_id"], identifier)
            self.assertEqual(reply["msg_type"], "kernel_info_reply")


def descriptors(process):
    return [path for path in Path(f"/proc/{process}/fd").iterdir() if path.is_symlink()]


class Compiling(unittest.TestCase):
    """A cell is compiled with one call of rustc, and anew whenever something else has changed."""

    @classmethod
    def setUpClass(cls):
        cls.kernel = start()
        cls.kernel.run(DEPENDENCY)
        # Packages that the kernel knows have to stay as long as it does.
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.kernel.end()

    def value(self, code):
        outputs, reply = self.kernel.run(code)
        self.assertEqual(reply["status"], "ok", reply)
        return text(outputs).strip()

    def package(self, name, source, manifest="", version="1.0.0", **files):
        """A package in a folder of its own, as a line that names it."""
        folder = self.folder / f"{name}-{version}"
        (folder / "src").mkdir(parents=True)
        head = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2024"\n'
        (folder / "Cargo.toml").write_text(head + manifest)
        (folder / "src/lib.rs").write_text(source)
        for file, content in files.items():
            (folder / file.replace("_", ".")).write_text(content)
        return folder

    def compiled_by_cargo(self, code):
        """Whether cargo was asked to compile this cell."""
        calls = lambda: [
            call.stat().st_mtime_ns
            for call in directory_of(self.kernel.process).glob("kernel-*/rustc-call.json")
        ]
        before = calls()
        self.value(code)
        return calls() != before

    def test_a_cell_costs_one_call_of_rustc(self):
        for code in ["let first = 1;", "first + 1", "fn f() -> u8 { 2 }", "println!(\"{}\", f());"]:
            self.assertFalse(self.compiled_by_cargo(code), code)
        for level in "02":
            self.value(f':opt {level}\nprintln!("{{}}", f() + {level});')

    def test_a_cell_is_compiled_without_what_is_compiled_already(self):
        self.value("let listed = vec![1, 2];")
        (program,) = directory_of(self.kernel.process).glob("kernel-*/tree/src/lib.rs")
        # Otherwise evcxr has another module than the one that is known.
        self.assertIn("use ::inorm_variables as evcxr_internal_runtime;", program.read_text())
        self.assertTrue((program.parents[2] / "empty/libinorm.so").is_file())
        self.assertEqual(self.value('println!("{}", listed.len());'), "2")

    def test_it_does_not_matter_who_has_started_the_kernel(self):
        began = time.time()
        of_cargo = {"CARGO": "cargo", "CARGO_PKG_NAME": "another", "RUST_RECURSION_COUNT": "1"}
        kernel = Kernel(CHECKOUT / "notebooks", environment={**os.environ, **of_cargo})
        self.addCleanup(kernel.end)
        kernel.run(DEPENDENCY + "\nlet first = 1;")
        # What cargo has noted is what it noted when the libraries were compiled.
        (call,) = directory_of(kernel.process).glob("kernel-*/rustc-call.json")
        self.assertLess(call.stat().st_mtime, began)

    def test_an_edited_package_is_compiled_again(self):
        folder = self.package("edited", "pub fn answer() -> u8 { 41 }")
        self.value(f':dep edited = {{ path = "{folder}" }}')
        ask = 'println!("{}", edited::answer());'
        self.assertEqual(self.value(ask), "41")
        self.assertFalse(self.compiled_by_cargo(ask + " "))
        (folder / "src/lib.rs").write_text("mod inner; pub use inner::answer;")
        (folder / "src/inner.rs").write_text("pub fn answer() -> u8 { 42 }")
        self.assertEqual(self.value(ask), "42")
        (folder / "src/inner.rs").write_text("pub fn answer() -> u8 { 43 }")
        self.assertEqual(self.value(ask), "43")
        self.assertFalse(self.compiled_by_cargo(ask + "  "))

    def test_what_a_build_script_reads_counts(self):
        folder = self.package(
            "built",
            'pub fn answer() -> &\'static str { env!("ANSWER") }',
            build_rs="""fn main() {
                println!("cargo::rerun-if-changed=answer.txt");
                let answer = std::fs::read_to_string("answer.txt").unwrap();
                println!("cargo::rustc-env=ANSWER={}", answer.trim());
            }""",
            answer_txt="41",
        )
        self.value(f':dep built = {{ path = "{folder}" }}')
        ask = 'println!("{}", built::answer());'
        self.assertEqual(self.value(ask), "41")
        self.assertFalse(self.compiled_by_cargo(ask + " "))
        (folder / "answer.txt").write_text("42")
        self.assertEqual(self.value(ask), "42")

    def test_a_macro_is_run_as_it_is_now(self):
        macro = """
            #[proc_macro]
            pub fn answer(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
                "41u8".parse().unwrap()
            }"""
        folder = self.package("written", macro, "[lib]\nproc-macro = true\n")
        self.value(f':dep written = {{ path = "{folder}" }}')
        ask = 'println!("{}", written::answer!());'
        self.assertEqual(self.value(ask), "41")
        (folder / "src/lib.rs").write_text(macro.replace("41", "42"))
        self.assertEqual(self.value(ask), "42")

    def test_two_versions_of_a_package_are_two_packages(self):
        for version in ["1.0.0", "2.0.0"]:
            source = f'pub fn version() -> &\'static str {{ "{version}" }}'
            folder = self.package("twice", source, version=version)
            name = f"twice{version[0]}"
            self.value(f':dep {name} = {{ package = "twice", path = "{folder}" }}')
            self.assertEqual(self.value(f'println!("{{}}", {name}::version());'), version)
        both = 'println!("{} {}", twice1::version(), twice2::version());'
        self.assertEqual(self.value(both), "1.0.0 2.0.0")

    def test_a_type_that_cannot_be_kept_is_said_in_seconds(self):
        kernel = start()
        self.addCleanup(kernel.end)
        kernel.run(DEPENDENCY)
        for code, said in [
            ("let f = |x: i32| x + 1;", "closure"),
            ("let a = undefined_function(1);", "undefined_function"),
            ("let parsed = \"1\".parse().unwrap();", "type"),
        ]:
            began = time.monotonic()
            _, reply = kernel.run(code)
            self.assertIn(said, reply["evalue"])
            # On an idle machine a second; checking every dependency would take a minute.
            self.assertLess(time.monotonic() - began, 15, code)

    def test_a_compilation_can_be_interrupted(self):
        folder = self.package(
            "slow",
            "",
            build_rs="fn main() { std::thread::sleep(std::time::Duration::from_secs(90)); }",
        )
        self.value("let kept = 7;")
        self.kernel.interrupt_after(6)
        began = time.monotonic()
        _, reply = self.kernel.run(f':dep slow = {{ path = "{folder}" }}\nkept + 1')
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(reply["ename"], "Interrupted")
        self.assertIn("nothing was lost", reply["evalue"])
        self.assertEqual(self.value('println!("{kept}");'), "7")

    def test_waiting_for_the_network_can_be_interrupted(self):
        # Whoever talks to it never hears anything.
        network = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(network.close)
        proxy = f"http://127.0.0.1:{network.getsockname()[1]}"
        environment = {**os.environ, "CARGO_HTTP_PROXY": proxy}
        kernel = Kernel(CHECKOUT / "notebooks", environment=environment)
        self.addCleanup(kernel.end)
        kernel.run(DEPENDENCY + "\nlet first = 1;")
        kernel.run("let second = 2;")
        kernel.interrupt_after(4)
        began = time.monotonic()
        _, reply = kernel.run(':dep no-such-package-inorm = "1"')
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(reply["ename"], "Interrupted", reply)
        self.assertIn("nothing was lost", reply["evalue"])
        outputs, _ = kernel.run("first + second")
        self.assertEqual(outputs[-1][1]["data"]["text/plain"], "3")

    def test_a_cell_that_awaits_costs_no_variable(self):
        kernel = start()
        self.addCleanup(kernel.end)
        kernel.run(DEPENDENCY + '\nlet kept = "kept".to_owned();')
        # The backend adds a package for it, with which the library is made already.
        for value in "12":
            outputs, reply = kernel.run(f"async {{ {value} }}.await")
            self.assertEqual((reply["status"], text(outputs, "stderr")), ("ok", ""), reply)
            self.assertEqual(outputs[-1][1]["data"]["text/plain"], value)
        outputs, _ = kernel.run("kept")
        self.assertEqual(outputs[-1][1]["data"]["text/plain"], '"kept"')

    def test_an_interrupt_after_the_library_was_compiled_again_costs_nothing(self):
        stall = self.package(
            "stall",
            """
            #[proc_macro]
            pub fn stall(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
                std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/begun"), "").unwrap();
                std::thread::sleep(std::time::Duration::from_secs(900));
                Default::default()
            }""",
            "[lib]\nproc-macro = true\n",
        )
        library = f'inorm = {{ path = "{CHECKOUT}", default-features = false, features = ["cpu"] }}'
        # What needs the library is compiled when that is there.
        late = self.package(
            "late",
            "pub use inorm; stall::stall!();",
            f'[dependencies]\n{library}\nstall = {{ path = "{stall}" }}\n',
        )
        kernel = start()
        self.addCleanup(kernel.end)
        kernel.run(DEPENDENCY + '\nlet keep = inorm::notebook::Table::empty("Kept");')
        other = ':dep hex = { version = "=0.4.3", features = ["serde"] }'
        compiling = kernel.client.execute(f'{other}\n:dep late = {{ path = "{late}" }}')
        wait_for("the library", (stall / "begun").exists, seconds=1200)
        kernel.manager.interrupt_kernel()
        began = time.monotonic()
        outputs, reply = kernel.outcome(compiling)
        self.assertLess(time.monotonic() - began, 20)
        self.assertRegex(text(outputs, "stderr"), "compiled again.*keep")
        self.assertEqual(reply["ename"], "Interrupted", reply)
        self.assertIn("nothing was lost", reply["evalue"])
        # The program has it still, and what is compiled now fits to it.
        outputs, reply = kernel.run("keep")
        self.assertEqual((reply["status"], kinds(outputs)), ("ok", ["execute_result"]), reply)

    def test_a_library_that_is_compiled_again_is_said_and_works(self):
        kernel = start()
        self.addCleanup(kernel.end)
        kernel.run(DEPENDENCY + "\nlet keep = 1;")
        other = ':dep hex = { version = "=0.4.3", features = ["serde"] }'
        # Whoever wants the variables more interrupts when told.
        outputs, reply = kernel.run_until_said("compiled again", other)
        self.assertEqual(reply["ename"], "Interrupted")
        said = text(outputs, "stderr")
        self.assertRegex(said, r"hex 0\.4\.3.*compiled again.*keep")
        self.assertEqual(text(kernel.run('println!("{}", keep + 1);')[0]), "2\n")
        outputs, reply = kernel.run(f'{other}\nprintln!("{{}}", 6 * 7);', patience=1200)
        self.assertEqual((reply["status"], text(outputs)), ("ok", "42\n"), reply)
        self.assertIn("lost: keep", text(outputs, "stderr"))
        outputs, reply = kernel.run('inorm::notebook::Table::empty("One")')
        self.assertEqual((reply["status"], kinds(outputs)), ("ok", ["execute_result"]))

    def test_what_a_kernel_had_to_compile_is_kept_for_the_next(self):
        def kept():
            files = (cache() / "kernels").glob("*/libraries/*/compiled.json")
            notes = [json.loads(read(file)) for file in files]
            (own,) = [note for note in notes if note["checkout"] == str(CHECKOUT)]
            return own["begun"]["secs_since_epoch"]

        source = CHECKOUT / "Cargo.toml"
        times = source.stat()
        self.addCleanup(os.utime, source, (times.st_atime, times.st_mtime))
        os.utime(source)
        self.assertLess(kept(), source.stat().st_mtime)
        kernel = start()
        kernel.run("1")
        self.assertGreaterEqual(kept(), int(source.stat().st_mtime))
        kernel.end()
        # With another variable that rustc reads, nothing of how cells were compiled holds.
        environment = {**os.environ, "RUST_TEST_NOCAPTURE": "1"}
        other = Kernel(CHECKOUT / "notebooks", environment=environment)
        self.addCleanup(other.end)
        outputs, reply = other.run(DEPENDENCY + "\n6 * 7")
        self.assertEqual(outputs[-1][1].get("data", {}).get("text/plain"), "42", reply)

    def test_docs_are_shown_where_the_cursor_is(self):
        self.value("use inorm::configuration::configuration;\nlet config = configuration(13)?;")
        for code, shown in [
            ("let other = conf|iguration(1)?;", "pub fn configuration"),
            ("config.wi|dth", "Units of each hidden layer"),
            ("con|fig", "config: Configuration"),
            ("let t = config.ta|ble()?;", "pub fn table"),
            ("Vec::<f64>::with_|capacity(3)", "with_capacity"),
            ('"a b".split_|whitespace()', "split_whitespace"),
            ("use inorm::learning::R|un;", "Run"),
        ]:
            place = code.index("|")
            code = code.replace("|", "", 1)
            reply = self.kernel.client.inspect(code, place, reply=True, timeout=PATIENCE)["content"]
            self.assertTrue(reply["found"], code)
            self.assertIn(shown, reply["data"]["text/plain"])
        for code in ["", "1 + ", '"config', "// config"]:
            place = len(code)
            reply = self.kernel.client.inspect(code, place, reply=True, timeout=PATIENCE)["content"]
            self.assertEqual((reply["status"], reply["found"]), ("ok", False), code)
            reply = self.kernel.client.complete(code, place, reply=True, timeout=PATIENCE)["content"]
            self.assertEqual(reply["status"], "ok", code)
            self.assertIsInstance(reply["matches"], list)


class Widgets(unittest.TestCase):
    """Controls that a reader moves, as a page sees them that speaks Jupyter's widgets protocol."""

    SLIDER = 'inorm::notebook::slider("x", 0.0..=100.0).step(1.0).start(3.0)'
    MANAGER = {"comm_id": "manager-1", "target_name": "jupyter.widget.control", "data": {}}
    STATES = {"comm_id": "manager-1", "data": {"method": "request_states"}}

    @classmethod
    def setUpClass(cls):
        cls.kernel = start()
        prepared = cls.kernel.client.execute(DEPENDENCY)
        case = cls()
        early = [("comm_open", cls.MANAGER), ("comm_msg", cls.STATES)]
        cls.early = [case.heard(case.send(*message), 5) for message in early]
        cls.kernel.outcome(prepared)
        cls.twice, cls.outputs = case.slider('format!("twice {}", 2.0 * x)', "shared")

    @classmethod
    def tearDownClass(cls):
        cls.kernel.end()

    def send(self, kind, content, metadata=None):
        """Says something on shell; the id of what was said."""
        client = self.kernel.client
        message = client.session.msg(kind, content, metadata=metadata)
        client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def move(self, comm, **state):
        data = {"method": "update", "state": state, "buffer_paths": []}
        return self.send("comm_msg", {"comm_id": comm, "data": data})

    def press(self, comm):
        data = {"method": "custom", "content": {"event": "click"}}
        return self.send("comm_msg", {"comm_id": comm, "data": data})

    def heard(self, request, patience=PATIENCE):
        """All that is said because of a message, up to its `idle`, as (type, content)."""
        return list(self.until_idle(request, patience))

    def until_idle(self, request, patience):
        until = time.monotonic() + patience
        while True:
            message = self.kernel.client.get_iopub_msg(timeout=max(0, until - time.monotonic()))
            if message["parent_header"].get("msg_id") == request:
                yield message["msg_type"], message["content"]
                if message["content"].get("execution_state") == "idle":
                    return

    def silence(self, request, seconds=0.6):
        """Nothing more is said because of a message."""
        with self.assertRaises(Empty):
            self.heard(request, seconds)

    def interact(self, code, cell="cell", metadata=None):
        """Runs a cell that shows controls; their comms, and all outputs."""
        metadata = metadata or {"cellId": cell, "deletedCells": []}
        content = {"code": code, "silent": False, "store_history": True, "stop_on_error": True}
        content |= {"user_expressions": {}, "allow_stdin": False}
        request = self.send("execute_request", content, metadata)
        outputs, reply = self.kernel.outcome(request)
        self.assertEqual(reply["status"], "ok", reply)
        comms = [content["comm_id"] for kind, content in outputs if kind == "comm_open"]
        self.assertTrue(comms, outputs)
        return comms, outputs

    def slider(self, body, cell="cell"):
        return self.interact(f"inorm::notebook::interact({self.SLIDER}, |x: f64| {body});", cell)

    def shown(self, heard):
        """The last value in what was heard."""
        states = [c["data"]["state"] for kind, c in heard if kind == "comm_msg"]
        outputs = [state["outputs"] for state in states if "outputs" in state]
        return outputs[-1][0]["data"]["text/plain"] if outputs else None

    def steps(self, heard):
        return [c["data"]["method"] if k == "comm_msg" else c.get("execution_state", k) for k, c in heard]

    def test_a_slider_is_shown_with_its_value_and_moves_it(self):
        comms, outputs = self.twice, self.outputs
        opened = [content for kind, content in outputs if kind == "comm_open"]
        models = [content["data"]["state"]["_model_name"] for content in opened]
        self.assertEqual(models, ["FloatSliderModel", "OutputModel", "VBoxModel"])
        self.assertEqual({content["target_name"] for content in opened}, {"jupyter.widget"})
        self.assertEqual(opened[0]["data"]["state"]["value"], 3.0)
        view, saved = [c["data"] for kind, c in outputs if kind == "display_data"]
        model = view["application/vnd.jupyter.widget-view+json"]["model_id"]
        self.assertEqual((model, set(view) & {"text/html", "image/png"}), (comms[-1], set()))
        self.assertIn("twice 6", saved["text/html"])
        for value in [40, 41, 0, 100]:
            heard = self.heard(self.move(comms[0], value=value))
            self.assertEqual(self.steps(heard), ["update", "echo_update", "idle"])
            self.assertEqual(self.shown(heard), f"twice {2 * value}")
        value = self.move(comms[0], value=100)
        self.assertEqual(self.steps(self.heard(value)), ["echo_update", "idle"])
        self.silence(value)

    def test_several_controls_of_every_kind_reach_the_closure_typed(self):
        comms, outputs = self.interact(
            """use inorm::notebook::{button, choice, interact, toggle};
            let offset = 10i64;
            interact((("n", 1..=9), choice("kind", ["a", "b"]), toggle("on", true), button("go")),
                move |(n, kind, on, pressed)| format!("{} {kind} {on} {pressed}", n + offset))"""
        )
        self.assertNotIn("execute_result", kinds(outputs))
        whole, kind, on, go, *_ = comms
        for move, expected in [
            (lambda: self.move(whole, value=4), "14 a true 0"),
            (lambda: self.move(kind, index=1), "14 b true 0"),
            (lambda: self.move(on, value=False), "14 b false 0"),
            (lambda: self.press(go), "14 b false 1"),
            (lambda: self.press(go), "14 b false 2"),
        ]:
            self.assertEqual(self.shown(self.heard(move())), expected)
        for comm, state in [(kind, {"index": None}), (kind, {"index": 2}), (on, {"value": 3})]:
            self.assertEqual(self.steps(self.heard(self.move(comm, **state))), ["idle"])

    def test_an_error_and_a_panic_are_shown_in_place_and_the_slider_lives_on(self):
        comms, _ = self.slider(
            """{ if x == 5.0 { panic!("five") }
            match x == 6.0 { true => Err("six"), false => Ok(x.to_string()) } }"""
        )
        for value, expected in [(5, "panicked: five"), (6, "six"), (7, "7"), (5, "panicked: five")]:
            heard = self.heard(self.move(comms[0], value=value))
            self.assertEqual(self.steps(heard), ["update", "echo_update", "idle"])
            self.assertEqual(self.shown(heard), expected)
        outputs, reply = self.kernel.run('println!("next")')
        self.assertEqual((text(outputs), text(outputs, "stderr")), ("next\n", ""))

    def test_a_page_that_is_opened_again_finds_everything(self):
        comms = self.twice
        self.heard(self.move(comms[0], value=77))
        request = self.send("comm_info_request", {"target_name": "jupyter.widget"})
        self.heard(request)
        reply = self.kernel.client.get_shell_msg(timeout=PATIENCE)
        self.assertLessEqual(set(comms), set(reply["content"]["comms"]))
        self.assertEqual(self.steps(self.heard(self.send("comm_open", self.MANAGER))), ["idle"])
        heard = self.heard(self.send("comm_msg", self.STATES))
        self.assertEqual(self.steps(heard), ["update_states", "idle"])
        states = heard[0][1]["data"]["states"]
        self.assertEqual(heard[0][1]["data"]["buffer_paths"], [])
        self.assertEqual(states[comms[0]]["state"]["value"], 77)
        self.assertEqual(states[comms[1]]["state"]["outputs"][0]["data"]["text/plain"], "twice 154")
        self.assertEqual(self.steps(self.heard(self.send("comm_close", self.MANAGER))), ["idle"])
        ask = {"comm_id": comms[0], "data": {"method": "request_state"}}
        heard = self.heard(self.send("comm_msg", ask))
        self.assertEqual(self.steps(heard), ["update", "idle"])
        self.assertEqual(heard[0][1]["data"]["state"]["value"], 77)

    def test_it_moves_while_a_cell_runs_or_is_compiled(self):
        sleep = "std::thread::sleep(std::time::Duration::from_secs(2));"
        cell = self.kernel.client.execute(f'println!("runs");\n{sleep}')
        times = []

        def moves(values):
            for value in values:
                at = time.monotonic()
                heard = self.heard(self.move(self.twice[0], value=value), 5)
                times.append(time.monotonic() - at)
                self.assertEqual(self.shown(heard), f"twice {2 * value}")

        moves(range(20, 40))
        while self.kernel.client.get_iopub_msg(timeout=PATIENCE)["msg_type"] != "stream":
            pass
        began = time.monotonic()
        moves(range(40, 60))
        self.assertLess(time.monotonic() - began, 2, "the cell is still running")
        times = sorted(1000 * seconds for seconds in times)
        print(f"a cell runs: {times[20]:.1f} ms, 95 %: {times[38]:.1f} ms", file=sys.stderr)
        _, reply = self.kernel.outcome(cell)
        self.assertEqual(reply["status"], "ok")

    def test_of_many_changes_the_last_is_shown_and_each_gets_one_idle(self):
        comms, _ = self.slider(
            "{ std::thread::sleep(std::time::Duration::from_millis(50)); x.to_string() }"
        )
        requests = [self.move(comms[0], value=value) for value in range(100, 0, -1)]
        idles, values = dict.fromkeys(requests, 0), []
        while not idles[requests[-1]]:
            message = self.kernel.client.get_iopub_msg(timeout=20)
            content, parent = message["content"], message["parent_header"].get("msg_id")
            idles[parent] = idles.get(parent, 0) + (content.get("execution_state") == "idle")
            if message["msg_type"] == "comm_msg" and "outputs" in content["data"]["state"]:
                values.append(self.shown([("comm_msg", content)]))
        self.assertEqual({idles[request] for request in requests}, {1})
        self.assertEqual(values[-1], "1")
        self.assertLess(len(values), 30)

    def test_a_closure_that_never_ends_keeps_nobody_waiting(self):
        comms, _ = self.slider(
            "{ while x == 9.0 { std::thread::sleep(std::time::Duration::from_secs(1)) } x.to_string() }",
            "endless",
        )
        began = time.monotonic()
        heard = self.heard(self.move(comms[0], value=9), 20)
        self.assertEqual(self.steps(heard), ["echo_update", "idle"])
        self.assertGreater(time.monotonic() - began, 4)
        self.assertEqual(self.shown(self.heard(self.move(self.twice[0], value=11))), "twice 22")

    def comms(self):
        request = self.send("comm_info_request", {})
        while True:
            reply = self.kernel.client.get_shell_msg(timeout=PATIENCE)
            if reply["parent_header"]["msg_id"] == request:
                return reply["content"]["comms"]

    def test_nothing_leaks_after_a_thousand_moves(self):
        comms, _ = self.slider('"x".repeat(20_000 + x as usize)', "many")
        times = []
        for turn in range(1_100):
            if turn == 100:
                before = self.kernel.memory()
            at = time.monotonic()
            self.heard(self.move(comms[0], value=turn % 101))
            times.append(time.monotonic() - at)
        grown = self.kernel.memory() - before
        times = sorted(1000 * seconds for seconds in times)
        said = f"1000 moves: {times[550]:.1f} ms, 95 %: {times[1045]:.1f} ms, {grown / 1e6:+.1f} MB"
        print(said, file=sys.stderr)
        self.assertLess(grown, 20e6)

    def test_what_nobody_would_say_harms_nothing(self):
        comms = self.twice
        dice = random.Random(3)
        things = [None, 1, -1, 1e300, True, "x", "y" * 100_000, [], {}, [[]], {"value": {}}]
        pick = lambda: dice.choice(things)
        targets = ["jupyter.widget", "jupyter.widget.control", "nothing", ""]
        for _ in range(1000):
            kind = dice.choice(["comm_msg", "comm_msg", "comm_msg", "comm_open", "comm_info_request"])
            comm = dice.choice([*comms, comms[0] + "9", "nobody", ""])
            method = dice.choice(["update", "custom", "request_state", "request_states", "dance"])
            state = dice.choice([pick(), {"value": pick()}, {"index": pick(), "outputs": pick()}])
            data = dice.choice([pick(), {"method": method, "state": state, "content": pick()}])
            content = {"comm_id": dice.choice([comm] * 9 + [pick()]), "data": data}
            if kind != "comm_msg":
                content["target_name"] = dice.choice([*targets, pick()])
            request = self.send(kind, content)
            self.assertEqual(self.steps(self.heard(request, 20)).count("idle"), 1)
        self.assertEqual(self.shown(self.heard(self.move(comms[0], value=55))), "twice 110")
        self.assertEqual(self.shown(self.heard(self.move(comms[0], value=56))), "twice 112")

    def test_the_client_of_vs_code_is_understood(self):
        """It calls cells by their addresses, says their metadata and not which cells are gone, and
        looks for models one by one."""
        address = "vscode-notebook-cell:/home/a%20b/n.ipynb#W2sZmlsZQ%3D%3D"
        metadata = {"cellId": address, "collapsed": False, "tags": []}
        code = f"inorm::notebook::interact({self.SLIDER}, |x: f64| x.to_string());"
        first, _ = self.interact(code, metadata=metadata)
        second, _ = self.interact(code, metadata=metadata)
        self.assertEqual(self.steps(self.heard(self.move(first[0], value=9))), ["idle"])
        found = self.comms()
        self.assertTrue(set(second) <= set(found) and not set(first) & set(found))
        for comm in second:
            ask = {"comm_id": comm, "data": {"method": "request_state"}}
            heard = self.heard(self.send("comm_msg", ask))
            self.assertEqual(self.steps(heard), ["update", "idle"])
            self.assertIn("_view_name", heard[0][1]["data"]["state"])
        # Its widget for outputs says what it shows; the kernel knows better.
        heard = self.heard(self.move(second[1], outputs=[], msg_id=""))
        self.assertEqual(self.steps(heard), ["idle"])
        self.assertEqual(self.shown(self.heard(self.move(second[0], value=9))), "9")

    def test_it_is_answered_while_the_library_is_prepared(self):
        opened, heard = self.early
        self.assertEqual(self.steps(opened), ["idle"])
        self.assertEqual(heard[0][1]["data"]["states"], {})

    def test_with_their_cell_or_program_they_are_closed(self):
        """The last one: it ends the program."""
        first, _ = self.slider("x.to_string()", "again")
        second, outputs = self.slider("x.to_string()", "again")
        closed = [content["comm_id"] for kind, content in outputs if kind == "comm_close"]
        # Said as children of the first run.
        self.assertEqual(closed, [])
        self.assertEqual(self.steps(self.heard(self.move(first[0], value=9))), ["idle"])
        self.assertEqual(self.shown(self.heard(self.move(second[0], value=9))), "9")
        content = {"code": "1", "silent": False, "user_expressions": {}}
        request = self.send("execute_request", content, {"cellId": "z", "deletedCells": ["again"]})
        self.kernel.outcome(request)
        self.assertEqual(self.steps(self.heard(self.move(second[0], value=8))), ["idle"])
        self.kernel.run(":restart")
        wait_for("it to be closed", lambda: self.twice[0] not in self.comms())
        self.assertEqual(self.steps(self.heard(self.move(self.twice[0], value=9))), ["idle"])


class Spare(unittest.TestCase):
    """A kernel that is prepared before anybody asks for it."""

    FOLDER = CHECKOUT / "notebooks"

    def waiting(self, **environment):
        process, environment = start_spare(self.FOLDER, **environment)
        self.addCleanup(process.kill)
        return process, environment

    def test_it_serves_the_next_notebook_and_ends_with_it(self):
        process, environment = self.waiting()
        kernel = Kernel(self.FOLDER, environment=environment)
        self.assertEqual(text(kernel.run(DEPENDENCY + '\nprintln!("{}", 6 * 7);')[0]), "42\n")
        kernel.run("let mine = 1;")
        self.assertEqual(kernel.run("mine + 1")[1]["status"], "ok")
        self.assertIsNone(directory_of(kernel.process), "it has no backend of its own")
        self.assertIsNotNone(directory_of(process.pid))
        kernel.end()
        process.wait(20)
        wait_for("the end of all", lambda: directory_of(process.pid) is None)

    def test_it_knows_the_code_of_a_notebook_whose_cell_runs(self):
        _, environment = self.waiting()
        kernel = Kernel(self.FOLDER, environment=environment)
        self.addCleanup(kernel.end)
        kernel.run(DEPENDENCY + "\nuse inorm::learning::Run;\nstruct Mine { measured: f64 }")
        kernel.run("let mine = Mine { measured: 1.0 };\nmine.measured")
        self.waiting()
        sleep = "std::thread::sleep(std::time::Duration::from_secs(60));"
        cell = kernel.client.execute(sleep + "\nlet after = String::new();")
        kernel.client.execute("1 + 1")
        began = time.monotonic()
        for code, matches in [
            ("let x = 1;\nmine.mea", ["measured"]),
            ("after.to_upp", ["to_uppercase"]),
            ("Run::ne", ["new"]),
        ]:
            with self.subTest(code=code):
                reply = kernel.client.complete(code, reply=True, timeout=PATIENCE)["content"]
                found = [match for match in reply["matches"] if match.startswith(matches[0])]
                self.assertTrue(found, reply)
                start, end = reply["cursor_start"], reply["cursor_end"]
                self.assertEqual(matches[0].startswith(code[start:end]), True, reply)
                self.assertEqual(end, len(code))
        reply = kernel.client.inspect("mine", 2, reply=True, timeout=PATIENCE)["content"]
        self.assertIn("Mine", reply["data"]["text/plain"])
        seconds = time.monotonic() - began
        self.assertLess(seconds, 40, "the cell is still running")
        print(f"four answers in {seconds:.1f} s while a cell runs", file=sys.stderr)
        kernel.interrupt_after(0)
        self.assertTrue(kernel.outcome(cell))

    def test_it_ends_when_the_kernel_in_front_is_killed(self):
        process, environment = self.waiting()
        kernel = Kernel(self.FOLDER, environment=environment)
        os.kill(kernel.process, signal.SIGKILL)
        process.wait(20)
        wait_for("the end of all", lambda: directory_of(process.pid) is None)
        kernel.end()

    def test_its_notebook_is_told_when_it_dies(self):
        process, environment = self.waiting()
        kernel = Kernel(self.FOLDER, environment=environment)
        self.assertTrue(kernel.manager.is_alive())
        process.kill()
        wait_for("the end of the kernel", lambda: not kernel.manager.is_alive())
        kernel.end()

    def test_another_environment_or_folder_gets_a_kernel_of_its_own(self):
        for folder, variables in [(self.FOLDER, {"ANOTHER": "1"}), (CHECKOUT, {})]:
            process, environment = self.waiting()
            kernel = Kernel(folder, environment={**environment, **variables})
            self.assertEqual(kernel.run("1 + 1")[1]["status"], "ok")
            self.assertIsNotNone(directory_of(kernel.process))
            # It would never be of use again.
            process.wait(20)
            kernel.end()

    def test_there_is_one(self):
        self.waiting()
        another = subprocess.Popen(spare_command(), cwd=self.FOLDER)
        self.assertEqual(another.wait(20), 0)

    def test_it_ends_with_jupyterlab(self):
        owner = subprocess.Popen(["sleep", "300"])
        process, _ = start_spare(self.FOLDER, owner.pid)
        owner.kill()
        owner.wait()
        process.wait(20)
        wait_for("the end of all", lambda: directory_of(process.pid) is None)


class Ends(unittest.TestCase):
    """However it ends, nothing is left, and whoever still lives says what happened."""

    def test_a_kernel_killed_at_any_moment_leaves_nothing(self):
        moments = random.Random(1)
        for _ in range(KILLS):
            kernel = start()
            kernel.client.execute("1")
            time.sleep(moments.uniform(0, 3))
            backend, directory = kernel.backend(), kernel.directory()
            os.kill(kernel.process, signal.SIGKILL)
            if backend:
                wait_for("the backend to end", lambda: not Path(f"/proc/{backend}/fd").exists())
            if directory:
                wait_for("its directory to go", lambda: not directory.exists())
            kernel.end()

    def test_a_kernel_whose_client_is_killed_amid_a_cell_leaves_nothing(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        endless = Path(folder.name) / "endless.ipynb"
        endless.write_text(notebook(["loop { std::thread::sleep(std::time::Duration::MAX); }"]))
        command = [sys.executable, CHECKOUT / "python/execute.py", endless]
        client = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for("a kernel", lambda: kernels_of(client.pid), seconds=60)
        (process,) = kernels_of(client.pid)
        wait_for("its directory", lambda: directory_of(process), seconds=60)
        place = directory_of(process)
        # Long enough for the cell to be inside its loop.
        time.sleep(15)
        self.assertTrue(place.exists() and Path(f"/proc/{process}").exists())
        client.kill()
        client.wait()
        wait_for("the kernel to end", lambda: not Path(f"/proc/{process}").exists())
        wait_for("its directory to go", lambda: not place.exists())

    def test_a_backend_that_dies_between_cells_is_said_below_the_last(self):
        kernel = start()
        self.addCleanup(kernel.end)
        last = kernel.client.execute("let lost = 1;")
        kernel.outcome(last)
        os.kill(kernel.backend(), signal.SIGKILL)
        said = kernel.client.get_iopub_msg(timeout=20)
        self.assertEqual((said["msg_type"], said["parent_header"]["msg_id"]), ("stream", last))
        self.assertIn("All variables and definitions are lost", said["content"]["text"])

    def test_a_backend_killed_at_any_moment_is_said_and_replaced(self):
        moments = random.Random(2)
        kernel = start()
        for _ in range(KILLS):
            waiting = kernel.client.execute("1")
            wait_for("a backend", kernel.backend, seconds=60)
            time.sleep(moments.uniform(0, 3))
            backend = kernel.backend()
            if backend is None:
                self.fail("there is no backend")
            os.kill(backend, signal.SIGKILL)
            _, reply = kernel.outcome(waiting)
            if reply["status"] == "error":
                self.assertIn("SIGKILL", reply["evalue"])
            wait_for("it to be gone", lambda: not Path(f"/proc/{backend}/fd").exists())
        outputs, reply = kernel.run("40 + 2")
        while reply["status"] == "error":
            self.assertIn("SIGKILL", reply["evalue"])
            outputs, reply = kernel.run("40 + 2")
        self.assertEqual(outputs[-1][1]["data"]["text/plain"], "42")
        directory = kernel.directory()
        kernel.end()
        wait_for("its directory to go", lambda: not directory.exists())


if __name__ == "__main__":
    unittest.main()
