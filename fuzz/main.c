/* libFuzzer around a Python callable.
 *
 * FUZZ_TARGET names the module whose function run(head, body) is called with the first two bytes of each input and with
 * the rest. It returns 0, or the sum of 1 where the outcome was compared with the oracle and 2 where the input was
 * accepted; an exception of any kind is a finding. Executable and modules share one runtime of the sanitizers, which is why Python is embedded and not started. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMPARED = 1, ACCEPTED = 2, HEAD = 2, LONGEST_TOKEN = 48 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

static PyObject *run;
static int is_json;
static unsigned long long executions, compared, accepted;

static void tell(void) {
    fprintf(stderr, "spotlane-fuzz executions=%llu compared=%llu accepted=%llu\n", executions, compared, accepted);
}

static void give_up(const char *what) {
    fprintf(stderr, "spotlane-fuzz: %s\n", what);
    if (PyErr_Occurred()) {
        PyErr_Print();
    }
    abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    const char *python = getenv("FUZZ_PYTHON"), *name = getenv("FUZZ_TARGET");
    PyConfig config;
    PyObject *module;
    (void) argc;
    (void) argv;
    if (python == NULL || name == NULL) {
        give_up("FUZZ_PYTHON and FUZZ_TARGET must be set; make fuzz does so");
    }
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0;
    if (PyStatus_Exception(PyConfig_SetBytesString(&config, &config.program_name, python))
        || PyStatus_Exception(Py_InitializeFromConfig(&config))) {
        give_up("Python does not start");
    }
    PyConfig_Clear(&config);
    module = PyImport_ImportModule(name);
    run = module == NULL ? NULL : PyObject_GetAttrString(module, "run");
    if (run == NULL) {
        give_up("the target can't be imported");
    }
    /* Whatever stands from here on is not garbage, and need not be looked at again and again. */
    PyRun_SimpleString("import gc; gc.collect(); gc.freeze()");
    atexit(tell);
    is_json = strcmp(name, "target_decoder") == 0;
    return 0;
}

/* Make a bytes object in a block of exactly its size, whichever allocator Python uses: a byte read behind it is seen. */
static PyObject *exact_bytes(const uint8_t *data, size_t size) {
    PyBytesObject *made = malloc(offsetof(PyBytesObject, ob_sval) + size + 1);
    if (made == NULL) {
        give_up("no memory");
    }
    PyObject_InitVar((PyVarObject *) made, &PyBytes_Type, (Py_ssize_t) size);
    memset((char *) made + offsetof(PyVarObject, ob_size) + sizeof made->ob_base.ob_size, 0xff,
           offsetof(PyBytesObject, ob_sval) - offsetof(PyVarObject, ob_size) - sizeof made->ob_base.ob_size);
    memcpy(made->ob_sval, data, size);
    made->ob_sval[size] = 0;
    return (PyObject *) made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    PyObject *arguments[2], *outcome;
    long told;
    if (size < HEAD) {
        return -1;
    }
    arguments[0] = PyBytes_FromStringAndSize((const char *) data, HEAD);
    arguments[1] = exact_bytes(data + HEAD, size - HEAD);
    outcome = PyObject_Vectorcall(run, arguments, 2, NULL);
    told = outcome == NULL ? -1 : PyLong_AsLong(outcome);
    if (told < 0) {
        give_up("a finding");
    }
    Py_DECREF(outcome);
    Py_DECREF(arguments[0]);
    if (Py_REFCNT(arguments[1]) != 1) {
        give_up("a reference to the input is left");
    }
    free(arguments[1]);
    executions++;
    compared += (told & COMPARED) != 0;
    accepted += (told & ACCEPTED) != 0;
    if (executions % 1000000 == 0) {
        tell();
    }
    return 0;
}

static int is_number(uint8_t byte) {
    return (byte >= '0' && byte <= '9') || byte == '-' || byte == '+' || byte == '.' || byte == 'e' || byte == 'E';
}

/* Change one number or the inside of one string, and leave what surrounds it as it was: most changes of any byte would
 * only make the reply end earlier. */
static size_t change_token(uint8_t *data, size_t size, size_t most, unsigned seed) {
    uint8_t token[LONGEST_TOKEN], c;
    size_t start = HEAD + seed % (size - HEAD), end, length, changed, i;
    while (start < size && data[start] != '"' && !is_number(data[start])) {
        start++;
    }
    if (start == size) {
        return 0;
    }
    if (data[start] == '"') {
        start++;
        for (end = start; end < size && data[end] != '"'; end++) {
        }
    } else {
        for (end = start; end < size && is_number(data[end]); end++) {
        }
    }
    length = end - start;
    if (start == size || length > LONGEST_TOKEN) {
        return 0;
    }
    memcpy(token, data + start, length);
    changed = LLVMFuzzerMutate(token, length, LONGEST_TOKEN);
    if (size - length + changed > most) {
        return 0;
    }
    for (i = 0; i < changed && seed >> 16 & 7; i++) {
        c = token[i];
        if (is_number(data[start]) ? !is_number(c) : c == '"' || c == '\\' || c < 0x20 || c >= 0x7f) {
            token[i] = (uint8_t) ('0' + c % 10);
        }
    }
    memmove(data + start + changed, data + end, size - end);
    memcpy(data + start, token, changed);
    return size - length + changed;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    size_t changed = is_json && size > HEAD && seed >> 28 < 12 ? change_token(data, size, most, seed) : 0;
    return changed ? changed : LLVMFuzzerMutate(data, size, most);
}
