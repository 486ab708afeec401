# SPDX-License-Identifier: MIT
# Objects from `platter --json` (docs/cli.md has their members), and completion of platter.exe itself.
# For Windows PowerShell 5.1 and PowerShell 7.

Set-StrictMode -Version Latest

# platter.exe: beside the installed module's folder (...\Platter\powershell\Platter), else the one in the path.
function Get-PlatterProgram {
    $beside = Join-Path -Path (Split-Path -Path (Split-Path -Path $PSScriptRoot)) -ChildPath 'platter.exe'
    if (Test-Path -LiteralPath $beside -PathType Leaf) {
        return $beside
    }
    $found = Get-Command -Name 'platter.exe' -CommandType Application -ErrorAction SilentlyContinue |
        Select-Object -First 1
    if ($null -eq $found) {
        throw 'platter.exe is not beside this module and not in the path; install Platter, or add its folder to the path.'
    }
    return $found.Path
}

# One word as programs read it ("Parsing C Command-Line Arguments"). Windows PowerShell 5.1 hands words with quotes or a
# backslash at their end to programs wrongly, so the command line is made here.
function ConvertTo-PlatterWord([string] $Word) {
    if ($Word -ne '' -and $Word -notmatch '[\s"]') {
        return $Word
    }
    return '"' + (($Word -replace '(\\*)"', '$1$1\"') -replace '(\\+)$', '$1$1') + '"'
}

# Runs platter with --json: its object, or a terminating error with its message, hint and exit status.
function Invoke-Platter([string[]] $Words) {
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo
    $start.FileName = Get-PlatterProgram
    $start.Arguments = (@($Words + '--json') | ForEach-Object { ConvertTo-PlatterWord $_ }) -join ' '
    $start.UseShellExecute = $false
    $start.CreateNoWindow = $true
    $start.RedirectStandardOutput = $true
    $start.StandardOutputEncoding = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false
    $start.WorkingDirectory = (Get-Location -PSProvider FileSystem).ProviderPath
    $process = [System.Diagnostics.Process]::Start($start)
    try {
        $text = $process.StandardOutput.ReadToEnd()
        $process.WaitForExit()
        $status = $process.ExitCode
    }
    finally {
        $process.Dispose()
    }
    $reply = $null
    if ($text) {
        $reply = ConvertFrom-Json -InputObject $text
    }
    if ($status -ne 0) {
        $message = "platter ended with status $status"
        $name = 'failed'
        if ($null -ne $reply -and $reply.PSObject.Properties['error']) {
            $name = $reply.error.name
            $message = $reply.error.message
            if ($reply.error.file) { $message = "$($reply.error.file): $message" }
            if ($reply.error.hint) { $message = "$message ($($reply.error.hint))" }
        }
        $exception = New-Object -TypeName System.InvalidOperationException -ArgumentList $message
        $exception.Data['ExitCode'] = $status
        $record = New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList @(
            $exception, "Platter.$name", [System.Management.Automation.ErrorCategory]::NotSpecified, $null)
        throw $record
    }
    return $reply
}

function Add-PlatterType($Object, [string] $Name) {
    $Object.PSObject.TypeNames.Insert(0, $Name)
    return $Object
}

<#
.SYNOPSIS
Makes drives of the partitions in a disk or backup image.
.DESCRIPTION
Runs 'platter mount' and gives one object for each drive, with the members that docs/cli.md lists under "mount" and the
image's path. A background process of yours serves the drives until they are dismounted.
.PARAMETER Path
The image: a file, or an NBD server's URI. Names are taken as they are, without wildcards.
.PARAMETER Letter
Drive letters, in the order of the partitions.
.PARAMETER Partition
Numbers of partitions as 'platter info' shows them; otherwise those that hold a file system.
.PARAMETER ReadOnly
The image is not changed in any way.
.PARAMETER Shared
Every user may write to a drive whose file system has no access lists (FAT, exFAT).
.PARAMETER Overlay
A QCOW2 file that takes the writes; the image stays as it is.
.EXAMPLE
Mount-PlatterImage disk.vhd -ReadOnly | Select-Object letter, filesystem, label
#>
function Mount-PlatterImage {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param(
        [Parameter(Mandatory = $true, Position = 0, ValueFromPipeline = $true, ValueFromPipelineByPropertyName = $true)]
        [Alias('FullName', 'ImagePath')]
        [ValidateNotNullOrEmpty()]
        [string] $Path,
        [ValidatePattern('^[A-Za-z]:?$')]
        [string[]] $Letter,
        [ValidateRange(0, 999999)]
        [int[]] $Partition,
        [switch] $ReadOnly,
        [switch] $Shared,
        [string] $Overlay
    )
    process {
        $words = @('mount')
        if ($Letter) { $words += @('--letter', (($Letter | ForEach-Object { $_.Substring(0, 1) }) -join ',')) }
        if ($Partition) { $words += @('--partition', ($Partition -join ',')) }
        if ($ReadOnly) { $words += '--read-only' }
        if ($Shared) { $words += '--shared' }
        if ($Overlay) { $words += "--overlay=$Overlay" }
        if (-not $PSCmdlet.ShouldProcess($Path, 'Mount')) { return }
        $reply = Invoke-Platter -Words ($words + (Resolve-PlatterPath $Path))
        foreach ($volume in $reply.volumes) {
            $volume | Add-Member -NotePropertyName image -NotePropertyValue $reply.image -Force
            Add-PlatterType $volume 'Platter.Volume'
        }
    }
}

# A file's whole path, so that one whose name begins with dashes is no option; a URI as it is.
function Resolve-PlatterPath([string] $Path) {
    if ($Path -match '^[A-Za-z][A-Za-z0-9+.-]+://') {
        return $Path
    }
    return $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
}

<#
.SYNOPSIS
Shows the drives that there are.
.DESCRIPTION
One object for each drive of Platter, with the members that docs/cli.md lists under "list". image and owner are empty for
drives that you may not dismount.
.PARAMETER Letter
Only the drive with this letter.
.EXAMPLE
Get-PlatterMount | Where-Object { -not $_.busy } | Dismount-PlatterImage
#>
function Get-PlatterMount {
    [CmdletBinding()]
    param(
        [Parameter(Position = 0)]
        [ValidatePattern('^[A-Za-z]:?$')]
        [string] $Letter
    )
    $reply = Invoke-Platter -Words @('list')
    foreach ($volume in $reply.volumes) {
        if (-not $Letter -or ($volume.letter -and $volume.letter.Substring(0, 1) -eq $Letter.Substring(0, 1))) {
            Add-PlatterType $volume 'Platter.Volume'
        }
    }
}

<#
.SYNOPSIS
Takes drives away.
.DESCRIPTION
Runs 'platter unmount': flushes, and refuses while files on the drive are open.
.PARAMETER Letter
The drive's letter.
.PARAMETER Id
The drive's number, as Get-PlatterMount gives it; taken from objects in the pipeline.
.PARAMETER Force
Also when it is in use: programs lose the files they have open on it.
.EXAMPLE
Dismount-PlatterImage X:
#>
function Dismount-PlatterImage {
    [CmdletBinding(SupportsShouldProcess = $true, DefaultParameterSetName = 'Letter')]
    param(
        [Parameter(Mandatory = $true, Position = 0, ParameterSetName = 'Letter')]
        [ValidatePattern('^[A-Za-z]:?$')]
        [string] $Letter,
        [Parameter(Mandatory = $true, ParameterSetName = 'Id', ValueFromPipelineByPropertyName = $true)]
        [uint64] $Id,
        [switch] $Force
    )
    process {
        $drive = if ($PSCmdlet.ParameterSetName -eq 'Id') { "$Id" } else { $Letter.Substring(0, 1) + ':' }
        $words = @('unmount', $drive)
        if ($Force) { $words += '--force' }
        if ($PSCmdlet.ShouldProcess($drive, 'Dismount')) {
            Invoke-Platter -Words $words | Out-Null
        }
    }
}

# The words come from platter.exe, by the tables that it reads its command line with. The colon keeps an empty word, which
# Windows PowerShell 5.1 would drop.
Register-ArgumentCompleter -Native -CommandName @('platter', 'platter.exe') -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text.Trim('"', "'") })
    $program = $commandAst.GetCommandName()
    & $program __complete ":$wordToComplete" @before 2>$null | ForEach-Object {
        $word, $help = $_ -split "`t", 2
        [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $help)
    }
}

Export-ModuleMember -Function 'Mount-PlatterImage', 'Get-PlatterMount', 'Dismount-PlatterImage'
