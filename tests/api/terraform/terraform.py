"""The Terraform provider against a running server: apply, a plan without changes, an update, import into an empty state,
destroy. Needs a terraform (or tofu) binary, and TF_PLUGIN_DIR, a folder with the AWS provider; without them it says so and
passes. Endpoint and credentials come from the environment, see ../run.py.

usage: terraform.py FILE.tf [NAME=VALUE ...]       (variables of the file besides `endpoint` and `name`)
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = shutil.which("terraform") or shutil.which("tofu")
PLUGINS = os.environ.get("TF_PLUGIN_DIR")
UNCHANGED = 0


def run(folder, *arguments, wanted=(0,)):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CLI_CONFIG_FILE"}
    environment |= {"TF_VAR_endpoint": os.environ["PICKET_ENDPOINT"], "TF_IN_AUTOMATION": "1"}
    flags = [] if arguments[0] == "state" else ["-no-color"]
    done = subprocess.run([PROGRAM, arguments[0], *flags, *arguments[1:]], cwd=folder, env=environment, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode not in wanted:
        sys.exit(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def unchanged(folder, variables):
    run(folder, "plan", "-detailed-exitcode", "-input=false", *variables, wanted=(UNCHANGED,))


def main():
    if PROGRAM is None or PLUGINS is None:
        print("no terraform or tofu, or no TF_PLUGIN_DIR: not tried")
        return
    file, *values = sys.argv[1:]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="picket_terraform_"))
    shutil.copy(HERE / file, folder / "main.tf")
    first = [f"-var={value}" for value in values]
    update = [*first, "-var=name=two"]
    run(folder, "init", "-input=false", f"-plugin-dir={PLUGINS}")
    run(folder, "apply", "-auto-approve", "-input=false", *first)
    unchanged(folder, first)
    run(folder, "apply", "-auto-approve", "-input=false", *update)
    unchanged(folder, update)
    state = json.loads(run(folder, "state", "pull"))
    managed = [row for row in state["resources"] if row["mode"] == "managed"]
    imported = {f"{row['type']}.{row['name']}": row["instances"][0]["attributes"]["id"]
                for row in managed if not row["type"].endswith("_feature")}  # these have no id, and no import in the provider
    run(folder, "state", "rm", *imported)
    (folder / "imports.tf").write_text("".join(f'import {{\n  to = {address}\n  id = "{key}"\n}}\n'
                                               for address, key in imported.items()))
    done = run(folder, "apply", "-auto-approve", "-input=false", *update)
    if f"{len(imported)} imported, 0 added, 0 changed, 0 destroyed" not in done:
        sys.exit(f"what was imported is not what was applied:\n{done}")
    (folder / "imports.tf").unlink()
    unchanged(folder, update)
    run(folder, "destroy", "-auto-approve", "-input=false", *update)
    shutil.rmtree(folder)
    print(f"{len(managed)} resources applied, read back without a difference, updated, imported, destroyed")


main()
