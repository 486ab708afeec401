# SPDX-License-Identifier: MIT
@{
    RootModule        = 'Platter.psm1'
    ModuleVersion     = '0.1.0'
    GUID              = 'b7f0d2c4-3a59-4e0d-9c1e-6d5a2f8e7b31'
    Author            = 'Platter project'
    CompanyName       = 'Platter project'
    Copyright         = 'MIT License'
    Description       = 'Mounts disk and backup images as drives, with objects instead of text.'
    PowerShellVersion = '5.1'
    FunctionsToExport = @('Mount-PlatterImage', 'Get-PlatterMount', 'Dismount-PlatterImage')
    CmdletsToExport   = @()
    VariablesToExport = @()
    AliasesToExport   = @()
    FileList          = @('Platter.psd1', 'Platter.psm1')
}
