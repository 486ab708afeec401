/* SPDX-License-Identifier: MIT */
/*
 * wt_eject_state X: asks the class that setup has registered on which drives "Eject with Platter" stands, as Explorer does:
 * X is a drive of Platter's, C is not. The items are our own, since Wine's shell has none for a drive without a file system.
 */
#define COBJMACROS
#include "wt.h"
#include <initguid.h>
#include <shlobj.h>
#include <stdlib.h>
#include <wchar.h>

#include "../../gui/eject_state.h"

static const CLSID clsid = EJECT_STATE_CLSID;
static const wchar_t *path; /* of the one item */

static HRESULT STDMETHODCALLTYPE item_query(IShellItem *face, REFIID id, void **out)
{
    (void)id;
    *out = face;
    return S_OK;
}

static ULONG STDMETHODCALLTYPE item_references(IShellItem *face)
{
    (void)face;
    return 1;
}

static HRESULT STDMETHODCALLTYPE item_name(IShellItem *face, SIGDN kind, LPWSTR *name)
{
    (void)face;
    if (kind != SIGDN_FILESYSPATH || !path)
        return E_INVALIDARG;
    *name = CoTaskMemAlloc((wcslen(path) + 1) * sizeof(**name));
    if (!*name)
        return E_OUTOFMEMORY;
    wcscpy(*name, path);
    return S_OK;
}

static IShellItemVtbl item_table = {
    .QueryInterface = item_query, .AddRef = item_references, .Release = item_references, .GetDisplayName = item_name};
static IShellItem item = {&item_table};

static HRESULT STDMETHODCALLTYPE items_count(IShellItemArray *face, DWORD *count)
{
    (void)face;
    *count = 1;
    return S_OK;
}

static HRESULT STDMETHODCALLTYPE items_at(IShellItemArray *face, DWORD index, IShellItem **out)
{
    (void)face;
    *out = &item;
    return index == 0 ? S_OK : E_INVALIDARG;
}

static IShellItemArrayVtbl items_table = {.GetCount = items_count, .GetItemAt = items_at};
static IShellItemArray items = {&items_table};

static EXPCMDSTATE ask(IExplorerCommandState *state, const wchar_t *name)
{
    EXPCMDSTATE answer = 0xff;

    path = name;
    wt_ok(SUCCEEDED(IExplorerCommandState_GetState(state, &items, FALSE, &answer)), "it answers for %ls",
          name ? name : L"what is no file");
    return answer;
}

int wmain(int argc, wchar_t **argv)
{
    wchar_t drive[] = L"?:\\";
    IExplorerCommandState *state = NULL;
    EXPCMDSTATE answer;
    HRESULT result;

    if (argc != 2)
        wt_bail("usage: wt_eject_state X");
    wt_watchdog(60);
    CoInitialize(NULL);
    result = CoCreateInstance(&clsid, NULL, CLSCTX_INPROC_SERVER, &IID_IExplorerCommandState, (void **)&state);
    if (!wt_ok(SUCCEEDED(result), "the class is registered and can be made (0x%lx)", (unsigned long)result))
        return wt_finish();
    drive[0] = argv[1][0];
    wt_ok(ask(state, drive) == ECS_ENABLED, "a drive of Platter's can be ejected");
    wt_ok(ask(state, L"C:\\") == ECS_HIDDEN, "the system's drive cannot");
    wt_ok(ask(state, L"\\\\server\\share") == ECS_HIDDEN, "a share cannot");
    wt_ok(ask(state, NULL) == ECS_HIDDEN, "what is no file cannot");
    wt_ok(SUCCEEDED(IExplorerCommandState_GetState(state, NULL, FALSE, &answer)) && answer == ECS_HIDDEN,
          "nothing cannot");
    wt_ok(IExplorerCommandState_Release(state) == 0, "the object goes");
    CoFreeUnusedLibrariesEx(0, 0);
    wt_ok(GetModuleHandleW(EJECT_STATE_FILE) == NULL, "and so does the library");
    CoUninitialize();
    return wt_finish();
}
