using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Rx.IotLink.Server;

namespace Rx.IotLink.Dashboard;

/// <summary>Errors as problem details (RFC 9457): each exception of the API has its status.</summary>
internal static class Problems
{
    public static IResult Of(int status, string detail) => Results.Problem(detail, statusCode: status);

    /// <summary>The answer to a request that failed; null: the exception is not one of these.</summary>
    public static IResult? Of(Exception exception) => exception switch
    {
        DeviceElsewhereException => Of(StatusCodes.Status409Conflict, exception.Message),
        UnknownDeviceException => Of(StatusCodes.Status404NotFound, exception.Message),
        LinkDownException => Of(StatusCodes.Status409Conflict, exception.Message),
        LinkClosedException => Of(StatusCodes.Status409Conflict, exception.Message),
        LineDroppedException => Of(StatusCodes.Status409Conflict, exception.Message),
        NotSupportedException => Of(StatusCodes.Status501NotImplemented, exception.Message),
        OutboxFullException => Of(StatusCodes.Status503ServiceUnavailable, exception.Message),
        SessionStoreException => Of(StatusCodes.Status503ServiceUnavailable, exception.Message),
        InvalidLineException => Of(StatusCodes.Status400BadRequest, exception.Message),
        BadHttpRequestException bad => Of(bad.StatusCode, "The request is malformed or too large."),
        JsonException => Of(StatusCodes.Status400BadRequest, "The body is not the JSON that is expected: {\"line\":\"TEXT\"}."),
        // The key file, which must be written.
        IOException or UnauthorizedAccessException or FormatException => Of(StatusCodes.Status503ServiceUnavailable, exception.Message),
        ArgumentException => Of(StatusCodes.Status400BadRequest, exception.Message),
        _ => null,
    };
}
