/* A PKCS#11 library for tests: SoftHSM, with faults around its data objects. A file in the directory
 * SHIM_FAULTS asks for one: "create-before", "create-after", "destroy-before", "destroy-after" end the
 * process there, once; "refuse" has C_CreateObject answer SHIM_CODE for as long as it is there, "unreadable" C_GetAttributeValue
 * when it is asked for a CKA_VALUE. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long (*function)();
struct list { unsigned char version[2]; function f[68]; }; /* CK_FUNCTION_LIST of PKCS#11 2.40 */
enum { GET_FUNCTION_LIST = 3, CREATE_OBJECT = 20, DESTROY_OBJECT = 22, GET_ATTRIBUTE = 24, CKA_VALUE = 0x11 };

static struct list mine, *theirs;

static int asked(const char *fault, int once) {
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", getenv("SHIM_FAULTS"), fault);
	return once ? unlink(path) == 0 : access(path, F_OK) == 0;
}

static void die(const char *fault) {
	if (asked(fault, 1)) _exit(9);
}

static unsigned long create(unsigned long session, void *template, unsigned long n, void *object) {
	if (asked("refuse", 0)) return strtoul(getenv("SHIM_CODE"), NULL, 0);
	die("create-before");
	unsigned long rv = theirs->f[CREATE_OBJECT](session, template, n, object);
	die("create-after");
	return rv;
}

static unsigned long destroy(unsigned long session, unsigned long object) {
	die("destroy-before");
	unsigned long rv = theirs->f[DESTROY_OBJECT](session, object);
	die("destroy-after");
	return rv;
}

static unsigned long get(unsigned long session, unsigned long object, unsigned long *template, unsigned long n) {
	if (n == 1 && *template == CKA_VALUE && asked("unreadable", 0)) return strtoul(getenv("SHIM_CODE"), NULL, 0);
	return theirs->f[GET_ATTRIBUTE](session, object, template, n);
}

unsigned long C_GetFunctionList(struct list **out) {
	void *library = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
	function list = library ? (function)dlsym(library, "C_GetFunctionList") : NULL;
	if (!list || list(&theirs) != 0) return 6; /* CKR_FUNCTION_FAILED */
	mine = *theirs;
	mine.f[GET_FUNCTION_LIST] = (function)C_GetFunctionList;
	mine.f[CREATE_OBJECT] = (function)create;
	mine.f[DESTROY_OBJECT] = (function)destroy;
	mine.f[GET_ATTRIBUTE] = (function)get;
	*out = &mine;
	return 0;
}
