/* SPDX-License-Identifier: MIT */
#include "eject_state.h"

#define COBJMACROS
#include <windows.h>
#include <initguid.h>
#include <shlobj.h>
#include <stdlib.h>

#include <platter/protocol.h>

#define TARGET_UNITS 256u

static const CLSID clsid = EJECT_STATE_CLSID;
static LONG living; /* objects and locks; while there are any the library stays */

/* ---- IExplorerCommandState --------------------------------------------------------------------------------------------*/

struct state {
    IExplorerCommandState face;
    LONG references;
};

static HRESULT STDMETHODCALLTYPE state_query(IExplorerCommandState *face, REFIID id, void **out)
{
    if (!IsEqualIID(id, &IID_IUnknown) && !IsEqualIID(id, &IID_IExplorerCommandState)) {
        *out = NULL;
        return E_NOINTERFACE;
    }
    IExplorerCommandState_AddRef(face);
    *out = face;
    return S_OK;
}

static ULONG STDMETHODCALLTYPE state_add_ref(IExplorerCommandState *face)
{
    return (ULONG)InterlockedIncrement(&((struct state *)face)->references);
}

static ULONG STDMETHODCALLTYPE state_release(IExplorerCommandState *face)
{
    LONG left = InterlockedDecrement(&((struct state *)face)->references);

    if (left == 0) {
        free(face);
        InterlockedDecrement(&living);
    }
    return (ULONG)left;
}

/* Whether "X:\" is a drive of ours: its letter names a device of our driver's. */
static BOOL is_ours(const wchar_t *path)
{
    static const wchar_t device[] = L"" PLATTER_VOLUME_DEVICE_PREFIX;
    wchar_t letter[3] = {path[0], L':', L'\0'}, target[TARGET_UNITS];

    if (!path[0] || path[1] != L':')
        return FALSE;
    return QueryDosDeviceW(letter, target, TARGET_UNITS) > 0 &&
           _wcsnicmp(target, device, sizeof(device) / sizeof(device[0]) - 1) == 0;
}

static HRESULT STDMETHODCALLTYPE state_get(IExplorerCommandState *face, IShellItemArray *items, BOOL may_be_slow,
                                           EXPCMDSTATE *answer)
{
    IShellItem *item = NULL;
    wchar_t *path = NULL;
    DWORD count = 0;

    (void)face;
    (void)may_be_slow;
    *answer = ECS_HIDDEN;
    if (!items || FAILED(IShellItemArray_GetCount(items, &count)) || count != 1 ||
        FAILED(IShellItemArray_GetItemAt(items, 0, &item)))
        return S_OK;
    if (SUCCEEDED(IShellItem_GetDisplayName(item, SIGDN_FILESYSPATH, &path)) && is_ours(path))
        *answer = ECS_ENABLED;
    CoTaskMemFree(path);
    IShellItem_Release(item);
    return S_OK;
}

static IExplorerCommandStateVtbl state_table = {state_query, state_add_ref, state_release, state_get};

/* ---- IClassFactory ----------------------------------------------------------------------------------------------------*/

static HRESULT STDMETHODCALLTYPE factory_query(IClassFactory *face, REFIID id, void **out)
{
    if (!IsEqualIID(id, &IID_IUnknown) && !IsEqualIID(id, &IID_IClassFactory)) {
        *out = NULL;
        return E_NOINTERFACE;
    }
    *out = face;
    return S_OK;
}

/* The factory is a constant. */
static ULONG STDMETHODCALLTYPE factory_references(IClassFactory *face)
{
    (void)face;
    return 1;
}

static HRESULT STDMETHODCALLTYPE factory_create(IClassFactory *face, IUnknown *outer, REFIID id, void **out)
{
    struct state *state;
    HRESULT result;

    (void)face;
    *out = NULL;
    if (outer)
        return CLASS_E_NOAGGREGATION;
    state = calloc(1, sizeof(*state));
    if (!state)
        return E_OUTOFMEMORY;
    state->face.lpVtbl = &state_table;
    state->references = 1;
    InterlockedIncrement(&living);
    result = IExplorerCommandState_QueryInterface(&state->face, id, out);
    IExplorerCommandState_Release(&state->face);
    return result;
}

static HRESULT STDMETHODCALLTYPE factory_lock(IClassFactory *face, BOOL lock)
{
    (void)face;
    if (lock)
        InterlockedIncrement(&living);
    else
        InterlockedDecrement(&living);
    return S_OK;
}

static IClassFactoryVtbl factory_table = {factory_query, factory_references, factory_references, factory_create,
                                          factory_lock};
static IClassFactory factory = {&factory_table};

STDAPI DllGetClassObject(REFCLSID wanted, REFIID id, void **out)
{
    if (IsEqualCLSID(wanted, &clsid))
        return IClassFactory_QueryInterface(&factory, id, out);
    *out = NULL;
    return CLASS_E_CLASSNOTAVAILABLE;
}

STDAPI DllCanUnloadNow(void)
{
    return living == 0 ? S_OK : S_FALSE;
}
