# hubbub: how it is built, tested and installed. `make help` lists the targets.
#
# Everything that is made goes to build/<variant>/ (BUILD=dir: elsewhere), variants side by side:
#   release  gcc -O2, what is shipped        clang  the same by the other compiler
#   debug    -Og                             fuzz   clang with libFuzzer, ASan and UBSan
#   asan     ASan + UBSan                    tsan   ThreadSanitizer
# All of src/ but main.c becomes libhubbub.a; the server, the bench client and every test link it.

VERSION := 0.1.0
VARIANT ?= release
BUILD   ?= build
PREFIX  ?= /usr/local
JOBS    ?= $(shell nproc)
WERROR  ?= -Werror

FUZZ_SECONDS ?= 60
RUN_ARGS     ?= --port 8080

B := $(BUILD)/$(VARIANT)

# One job per core from the first make on; sub-makes share its job slots.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(JOBS)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := build

# ---- variants ------------------------------------------------------------------------------------

CC_release := gcc
CC_debug   := gcc
CC_asan    := gcc
CC_tsan    := gcc
CC_clang   := clang
CC_fuzz    := clang

OPT_release := -O2
OPT_clang   := -O2
OPT_debug   := -Og -g3
# pointer-overflow: liburcu's walks over its hash table end on the container of NULL.
OPT_asan    := -O1 -fsanitize=address,undefined -fno-sanitize=pointer-overflow -fno-sanitize-recover=all
OPT_tsan    := -O1 -fsanitize=thread
OPT_fuzz    := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

ifeq ($(OPT_$(VARIANT)),)
$(error VARIANT=$(VARIANT) is not one of release debug asan tsan clang fuzz)
endif
ifeq ($(origin CC),default)
CC := $(CC_$(VARIANT))
endif

# ---- flags ---------------------------------------------------------------------------------------

PACKAGES := libwebsockets libcjson liburcu-memb liburcu-cds inih zlib sqlite3 libpq libjwt libsodium libcrypto icu-i18n \
            libmagic

# $(call once,NAME,COMMAND): a variable that asks pkg-config when first used, and then only once.
# Not at the start: `make run` may have to install pkg-config first.
once = $(eval $(1) := $(shell $(2)))$($(1))
PKG_CFLAGS  = $(call once,PKG_CFLAGS,pkg-config --cflags $(PACKAGES))
PKG_LIBS    = $(call once,PKG_LIBS,pkg-config --libs $(PACKAGES))
TEST_LIBS   = $(call once,TEST_LIBS,pkg-config --libs cmocka)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
        -Wcast-qual -Wvla -Wwrite-strings $(WERROR)
# Instrumented code hides from gcc what it knew of value ranges, and it does not model fences for TSan.
WARN_asan  := -Wno-format-truncation
WARN_tsan  := -Wno-format-truncation -Wno-tsan
# clang sees a cast away from const in liburcu's caa_container_of; gcc watches over all other code.
WARN_clang := -Wno-cast-qual
WARN_fuzz  := -Wno-cast-qual
CPPFLAGS += -D_GNU_SOURCE -DHUBBUB_VERSION='"$(VERSION)"' -Iinclude -Isrc
CFLAGS   += -std=gnu11 -g -fno-omit-frame-pointer -pthread $(OPT_$(VARIANT)) $(WARN) $(WARN_$(VARIANT))
LDFLAGS  += -pthread $(filter -fsanitize=%,$(OPT_$(VARIANT)))

COMPILE = $(CC) $(CPPFLAGS) $(if $(filter test/%,$<),-Itest) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
# Commas would end an argument of $(call say,...), so commands that have some are variables.
EMBED   = (cd $(B)/web 2>/dev/null; ld -r -b binary -o $(abspath $@) $(or $(ASSETS),/dev/null)) && \
          objcopy --rename-section .data=.rodata,alloc,load,readonly,data,contents \
                  --add-section .note.GNU-stack=/dev/null $@
LINK    = $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS)

# `make V=1` shows whole commands. (V=tsan belongs to check-loop.)
ifeq ($(V),1)
say = @echo '$(subst ','\'',$(2))'; $(2)
else
say = @printf '  %-5s %s\n' $(1) $@; $(2)
endif

# ---- what there is -------------------------------------------------------------------------------

MAIN_SRC  := $(wildcard src/server/main.c)
LIB_SRC   := $(sort $(filter-out src/server/main.c,$(wildcard src/*/*.c)))
# bench/hubbub-bench*.c make the load generator; of the others X.c is a program, with its parts X-*.c.
BENCH_SRC := $(sort $(wildcard bench/hubbub-bench*.c))
BENCH_ALL := $(sort $(filter-out $(BENCH_SRC),$(wildcard bench/*.c)))
bench_parts = $(filter $(1:.c=)-%.c,$(BENCH_ALL))
BENCH_ONE := $(filter-out $(foreach x,$(BENCH_ALL),$(call bench_parts,$(x))),$(BENCH_ALL))
UNIT_SRC  := $(sort $(wildcard test/unit/*/*_test.c))
CONC_SRC  := $(sort $(wildcard test/concurrency/*_test.c))
FUZZ_SRC  := $(sort $(wildcard test/fuzz/*_fuzz.c))
# Built by the end-to-end tests that put them before a server.
LOAD_SRC  := $(sort $(wildcard test/preload/*.c))
HELP_SRC  := $(sort $(wildcard test/support/*.c))
ASSETS    := $(shell [ ! -d web/static ] || (cd web/static && find . -type f ! -name '.*' -printf '%P\n' | sort)) page.js
# The scripts of the page, in their order.
SCRIPTS   := $(shell sed -n 's/^ *<script src="\([a-z0-9]*\.js\)".*/\1/p' web/static/index.html | grep -vx hubbub.js)

# A test that no pattern picks up would be a test that never runs.
STRAY := $(filter-out $(UNIT_SRC) $(CONC_SRC) $(FUZZ_SRC) $(HELP_SRC) $(LOAD_SRC),$(shell find test -name '*.c' -not -path '*/node_modules/*'))
no-strays:
	$(if $(STRAY),$(error no pattern picks up $(STRAY): want test/unit/ROOM/X_test.c, test/concurrency/X_test.c, test/fuzz/X_fuzz.c, test/support/X.c or test/preload/X.c))

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
LIB        := $(B)/libhubbub.a
ASSET_OBJ  := $(B)/web_assets.o $(B)/web_files.o
BINARIES   := $(if $(MAIN_SRC),$(B)/hubbub) $(if $(BENCH_SRC),$(B)/hubbub-bench)
BENCH_BIN  := $(patsubst bench/%.c,$(B)/bench/%,$(BENCH_ONE))
UNIT_BIN   := $(patsubst %.c,$(B)/%,$(UNIT_SRC))
CONC_BIN   := $(patsubst %.c,$(B)/%,$(CONC_SRC))
FUZZ_BIN   := $(patsubst %.c,$(B)/%,$(FUZZ_SRC))

# ---- building ------------------------------------------------------------------------------------

build: $(LIB) $(BINARIES)  ## (default) the server and the bench client (VARIANT=release|debug|asan|tsan|clang)

all: build tests $(BENCH_BIN)  ## build, and all tests and bench programs

tests: no-strays $(UNIT_BIN) $(CONC_BIN)

$(LIB): $(call obj,$(LIB_SRC)) $(ASSET_OBJ)
	$(call say,AR,rm -f $@ && ar rcs $@ $^)

$(B)/hubbub: $(call obj,$(MAIN_SRC)) $(LIB)
	$(call say,LD,$(LINK))

$(B)/hubbub-bench: $(call obj,$(BENCH_SRC)) $(LIB)
	$(call say,LD,$(LINK) -lm)

$(foreach x,$(BENCH_ONE),$(eval $(x:%.c=$(B)/%): $(call obj,$(call bench_parts,$(x)))))
$(BENCH_BIN): $(B)/bench/%: $(B)/obj/bench/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$(LINK) -lm)

$(UNIT_BIN) $(CONC_BIN): $(B)/%: $(B)/obj/%.o $(call obj,$(HELP_SRC)) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$(LINK) $(TEST_LIBS) -lm)

$(FUZZ_BIN): $(B)/%: $(B)/obj/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$(LINK) -fsanitize=fuzzer)

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$(COMPILE))

# Rewritten only when the flags differ from last time: then everything is compiled again.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(subst ','\'',$(CPPFLAGS) $(CFLAGS) $(LDFLAGS))' | cmp -s - $@ || \
	 echo '$(CC) $(subst ','\'',$(CPPFLAGS) $(CFLAGS) $(LDFLAGS))' > $@
FORCE:

# The page travels inside the binary. web_files.o holds the bytes of each file of web/static (lean, as
# read-only data, and without asking for an executable stack), web_assets.c the table of their names.
$(B)/web_files.o: $(addprefix $(B)/web/,$(ASSETS)) $(B)/assets
	$(call say,EMBED,$(EMBED))

$(B)/web/%: web/static/% web/lean.sed
	@mkdir -p $(@D)
	@case $@ in (*.js|*.css|*.html|*.svg) sed -f web/lean.sed $< ;; (*) cat $< ;; esac > $@

$(B)/web/index.html: web/static/index.html web/lean.sed web/join.sed
	@mkdir -p $(@D)
	@sed -f web/lean.sed $< | sed -f web/join.sed > $@

$(B)/web/page.js: $(addprefix $(B)/web/,$(SCRIPTS))
	@cat $^ | grep . > $@ # of many files, its lines are nobody's: empty ones are left out

$(B)/web_assets.o: $(B)/web_assets.c $(B)/flags
	$(call say,CC,$(COMPILE))

$(B)/web_assets.c: $(B)/assets
	@{ echo '/* Generated from web/static by the Makefile. */'; \
	   echo '#include <hubbub/web_asset.h>'; \
	   for f in $(ASSETS); do s=_binary_$$(printf %s "$$f" | tr -c A-Za-z0-9 _); \
	     echo "extern const unsigned char $${s}_start[], $${s}_end[];"; done; \
	   echo 'const struct web_asset web_assets[] = {'; \
	   for f in $(ASSETS); do s=_binary_$$(printf %s "$$f" | tr -c A-Za-z0-9 _); \
	     echo "    {\"$$f\", $${s}_start, $${s}_end},"; done; \
	   echo '    {0}};'; } > $@

$(B)/assets: FORCE
	@mkdir -p $(@D)
	@echo '$(ASSETS)' | cmp -s - $@ || echo '$(ASSETS)' > $@

-include $(shell [ ! -d $(B) ] || find $(B) -name '*.d')

# ---- running and testing -------------------------------------------------------------------------

run:  ## install what is missing, build, serve on :8080 (RUN_ARGS='--port 9000')
	@third_party/install.sh build
	@$(MAKE) build
	@port=8080; set -- $(RUN_ARGS); while [ $$# -gt 0 ]; do \
	   case $$1 in --listen*) exit 0 ;; --port=*) port=$${1#*=} ;; --port) port=$$2 ;; esac; shift; done; \
	 echo "open http://localhost:$$port; Ctrl-C stops"
	$(B)/hubbub $(RUN_ARGS)

test:  ## all tests: unit, concurrency, model (minutes), end to end
	@third_party/install.sh build test
	@$(MAKE) build tests
	@test/run --variant $(VARIANT) unit concurrency model e2e

# The page's tests are about the page. Under TSan, what is about one thread is left out; under valgrind, what takes
# minutes there and ASan sees as well.
WITHOUT_asan = e2e/browser-*
ONE_THREAD   = browser-*|library*|tokens|limits|check|backup|files|files-hostile|past|http*|doors|operators|ranks|ledger
WITHOUT_tsan = @(unit/store/@(retention|search|logs|postgres)|e2e/@($(ONE_THREAD)))

asan tsan:  ## unit, concurrency and most end-to-end tests under ASan+UBSan, or under TSan
	@third_party/install.sh build test
	@$(MAKE) VARIANT=$@ build tests
	@test/run --variant $@ --without '$(WITHOUT_$@)' unit concurrency e2e

valgrind:  ## unit tests but those of the store and of keys under valgrind
	@third_party/install.sh build test lint
	@$(MAKE) VARIANT=debug tests
	@test/run --variant debug --valgrind --without 'unit/@(store|identity)/*' unit

fuzz:  ## every fuzz target for FUZZ_SECONDS (60)
	@third_party/install.sh build test lint
	@$(MAKE) VARIANT=fuzz fuzz-targets
	@test/run --variant fuzz --seconds $(FUZZ_SECONDS) fuzz
fuzz-targets: $(FUZZ_BIN)

model:  ## the models of test/model, checked by spin (minutes)
	@third_party/install.sh build test
	@test/run model

check-loop:  ## T=name: repeat one test binary until it fails (V=debug|asan|tsan|clang: that variant)
	@$(MAKE) VARIANT=$(or $(V),$(VARIANT)) tests
	@test/run --variant $(or $(V),$(VARIANT)) --loop '$(T)'

bench-compare:  ## hubbub beside its peers, interleaved, medians
	@third_party/install.sh build bench
	@$(MAKE) all
	@bench/compare

bench-log:  ## what keeping the messages costs, medians
	@third_party/install.sh build bench
	@$(MAKE) build $(B)/bench/log-store
	@node bench/log-bench.mjs --built $(B)

# ---- the state of the source ---------------------------------------------------------------------

FORMATTED = $(shell find src include test bench -name '*.[ch]' -not -path '*/node_modules/*')

lint:  ## floors, format, clang, clang-tidy, cppcheck, stray files
	@third_party/install.sh build test lint
	+@test/lint/run

format:  ## clang-format everything in place
	@third_party/install.sh lint
	clang-format -i $(FORMATTED)

clean:  ## remove build/
	rm -rf $(BUILD)

# What README.md leads to keeps its place beside it, so that the links of all of them are good.
DOCS := README.md LICENSE CHANGELOG.md src/README.md src/protocol/PROTOCOL.md web/README.md web/screenshot.png \
        web/screenshot-settings.png web/static/hubbub.js bench/README.md third_party/README.md

install: build  ## into $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BINARIES) $(DESTDIR)$(PREFIX)/bin
	for f in $(DOCS); do install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/doc/hubbub/$$f || exit; done

help:  ## this list
	@sed -n 's/^\([a-z][a-z -]*\):.*  ## \(.*\)/\1\t\2/p' Makefile | expand -t 16
	@printf '%s\n' '' 'make alone is make build. Variables:' \
	  '  V=1               show whole commands (check-loop: V is the variant)' \
	  '  WERROR=           warnings are no errors' \
	  '  BUILD=dir         build there (build)' \
	  '  FUZZ_SECONDS=N    for each fuzz target (60)' \
	  '  PREFIX=dir        where install puts things (/usr/local)' \
	  '  DESTDIR=dir       put before PREFIX, to make packages'

.PHONY: build all tests run test asan tsan valgrind fuzz fuzz-targets model check-loop bench-compare \
        bench-log lint format clean install help no-strays FORCE
