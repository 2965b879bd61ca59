using Rx.IotLink.Dashboard;

// Where those who write ASP.NET Core look for it.
namespace Microsoft.Extensions.DependencyInjection;

/// <summary>What the control endpoint needs of an application.</summary>
public static class IotLinkDashboardServices
{
    /// <summary>
    /// Adds what <see cref="IotLinkDashboard.MapIotLinkDashboard"/> needs: problem details and the document of OpenAPI.
    /// </summary>
    /// <param name="services">The application's services.</param>
    public static IServiceCollection AddIotLinkDashboard(this IServiceCollection services)
    {
        services.AddProblemDetails();
        // A native binary has no reflection to describe the answers with.
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Add(ViewsContext.Default));
        return services.AddOpenApi("iotlink");
    }
}
