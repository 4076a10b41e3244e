"""Public gadgets: names in libraries that, called by an unpickler, run code, read, write or connect.

Only names; nothing is imported. Collected from the papers and tools that facts about scanners cite: picklescan,
modelscan, fickling, "The Art of Hide and Seek" (arXiv 2508.19774).
"""

from __future__ import annotations

from tests.support.hostile.case import ADDRESS, COMMAND, EXPRESSION, NOWHERE
from tests.support.hostile.opcodes import Arguments

Gadget = tuple[str, str, Arguments]

_COMMANDS = """
os system|posix system|nt system|os popen|os.path os.system|platform popen|pty spawn|subprocess Popen|subprocess run
subprocess call|subprocess check_call|subprocess check_output|subprocess getoutput|subprocess getstatusoutput
_posixsubprocess fork_exec|os execv|os execvp|os posix_spawn|os spawnvp|os startfile|commands getoutput
asyncio.subprocess create_subprocess_shell|asyncio.subprocess create_subprocess_exec|distutils.spawn spawn
setuptools._distutils.spawn spawn|numpy.distutils.exec_command exec_command|multiprocessing.util spawnv_passfds
torch._inductor.codecache run_command_and_check|numpy.f2py.diagnose run_command|idlelib.run Executive.runcode
idlelib.pyshell ModifiedInterpreter.runcommand|ensurepip _run_pip|pip main|pip._internal main
pip._internal.cli.main main|venv create|lib2to3.pgen2.pgen ParserGenerator|webbrowser open
webbrowser.GenericBrowser open|torch.utils.cpp_extension load_inline|torch.utils.cpp_extension _run_ninja_build
sh Command|pexpect run|fabric.operations local
"""
_SOURCES = """
builtins eval|builtins exec|builtins compile|__builtin__ eval|__builtin__ execfile|__builtin__ apply|timeit timeit
timeit repeat|timeit main|cProfile run|cProfile runctx|profile run|profile Profile.run|trace Trace.run|pdb run
pdb runeval|bdb Bdb.run|bdb Bdb.runeval|code InteractiveInterpreter.runcode|code interact|codeop compile_command
runpy run_module|runpy run_path|runpy _run_code|doctest debug_script|doctest testsource
numpy.testing._private.utils runstring|numpy.testing runstring|numpy.lib.utils safe_eval
pandas.core.computation.eval eval|pandas eval|torch.jit.unsupported_tensor_ops execWrapper
torch.fx.graph_module _exec_with_source|torch._dynamo.guards GuardBuilder.get
torch.fx.experimental.symbolic_shapes ShapeEnv.evaluate_guards_expression
torch.utils._config_module ConfigModule.load_config|torch.utils.collect_env run
torch.utils.bottleneck.__main__ run_cprofile|torch._dynamo.test_case run_tests|sympy.parsing.sympy_parser eval_expr
sympy sympify|dill._dill _create_code|cloudpickle.cloudpickle _make_function|ctypes CDLL|ctypes.util find_library
imp load_source|imp load_dynamic|importlib import_module|importlib.machinery SourceFileLoader
importlib.util spec_from_file_location|pkgutil resolve_name|pydoc locate|pydoc pipepager|site addpackage
zipimport zipimporter|builtins __import__|unittest.mock _importer|test.support.script_helper assert_python_ok
IPython.core.interactiveshell InteractiveShell.run_cell
"""
_LOADERS = """
pickle loads|pickle load|_pickle loads|cPickle loads|pickle Unpickler|dill loads|cloudpickle loads|marshal loads
joblib load|sklearn.externals.joblib load|joblib.numpy_pickle load|numpy load|pandas read_pickle|torch load
torch.jit load|torch.hub load|torch.hub load_state_dict_from_url|torch.package PackageImporter
torch.serialization _legacy_load|yaml load|yaml unsafe_load|jsonpickle decode|shelve open|types FunctionType
types CodeType|multiprocessing.reduction ForkingPickler.loads|keras.saving load_model
tensorflow.keras.models load_model|keras.src.layers.core.lambda_layer Lambda|transformers AutoModel.from_pretrained
logging.config fileConfig|logging.config dictConfig|logging.config _resolve
"""
_FILES = """
shutil rmtree|shutil move|shutil copyfile|os remove|os unlink|os rename|os chmod|os symlink|os mkfifo|builtins open
io open|_io FileIO|io.open_code open_code|pathlib Path.unlink|tempfile NamedTemporaryFile|zipfile ZipFile.extractall
tarfile TarFile.extractall|linecache getline|fileinput input|distutils.file_util write_file
distutils.dir_util remove_tree|numpy fromfile|numpy.ma.core fromfile|sqlite3 connect|sqlite3 Connection.load_extension
dbm.dumb open|glob glob|os listdir|os putenv|os.environ get
"""
_CONNECTIONS = """
socket create_connection|socket socket.connect|_socket socket|ssl get_server_certificate|urllib.request urlopen
urllib.request urlretrieve|urllib urlopen|http.client HTTPConnection.request|http.client HTTPSConnection|requests get
requests.api post|ftplib FTP|smtplib SMTP|telnetlib Telnet|poplib POP3|imaplib IMAP4|nntplib NNTP
xmlrpc.client ServerProxy|aiohttp.client ClientSession|asyncio open_connection|socketserver TCPServer
http.server HTTPServer|paramiko SSHClient.connect|torch.distributed init_process_group
"""
_STEPS = """
builtins getattr|operator attrgetter|operator methodcaller|operator itemgetter|functools partial|functools reduce
builtins map|itertools starmap|_functools partial|copyreg _reconstructor|copyreg add_extension|builtins setattr
builtins globals|builtins vars|threading Thread|_thread start_new_thread|multiprocessing Process
multiprocessing.pool Pool.apply|concurrent.futures ProcessPoolExecutor|signal signal|atexit register
atexit _run_exitfuncs|sys settrace|sys setprofile|sys exit|os _exit|os kill|os abort|os fork|gc get_objects
weakref finalize|ast literal_eval|inspect getsource|base64 b64decode|zlib decompress|codecs decode|binascii unhexlify
string Formatter.vformat
"""


def _named(table: str, *arguments: str | int) -> tuple[Gadget, ...]:
    pairs = [one.split() for line in table.strip().splitlines() for one in line.split("|")]
    return tuple((module, name, tuple(arguments)) for module, name in pairs)


GADGETS: tuple[Gadget, ...] = (
    *_named(_COMMANDS, COMMAND),
    *_named(_SOURCES, EXPRESSION),
    *((module, name, (b"N.",)) for module, name, _ in _named(_LOADERS)),
    *_named(_FILES, NOWHERE),
    *_named(_CONNECTIONS, ADDRESS),
    *_named(_STEPS, "lockgate", 1),
)
"""(module, name, arguments)."""
