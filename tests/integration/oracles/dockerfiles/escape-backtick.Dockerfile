# escape=`
FROM mcr.microsoft.com/windows/servercore:ltsc2022
SHELL ["powershell", "-Command"]
COPY testfile.txt c:\
RUN New-Item -ItemType Directory C:\Example ; `
    Get-ChildItem `
    c:\
ENV DIR C:\tools\
WORKDIR c:\example\
