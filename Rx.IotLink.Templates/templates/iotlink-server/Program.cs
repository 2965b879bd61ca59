using IotLinkServer1;
using Rx.IotLink.Server;

var builder = Host.CreateApplicationBuilder(args);
// Every option of IotLinkServerOptions can be in this section: keys (KeyFile), limits, the timeout.
builder.Services.AddIotLinkServer(builder.Configuration.GetSection("IotLink"));
builder.Services.AddHostedService<Readings>();
builder.Build().Run();
