using System.Reflection;

[assembly: AssemblyTitle("Rx.IotLink.Nano.I2c")]
[assembly: AssemblyCompany("The Rx.IotLink founders")]
[assembly: AssemblyProduct("Rx.IotLink")]
[assembly: AssemblyVersion("0.1.0.0")]
[assembly: AssemblyFileVersion("0.1.0.0")]
