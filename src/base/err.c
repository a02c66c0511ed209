/* Texts for the error codes. Pure. */
#include <hubbub/err.h>

const char *err_text(int err)
{
    switch (err) {
    case ERR_OK: return "success";
#define X(name, text) \
    case name: return text;
        ERR_TABLE(X)
#undef X
    default: return "unknown error";
    }
}
