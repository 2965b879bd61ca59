namespace Rx.IotLink.PostgreSql.Database;

/// <summary>
/// Which history of the database a row of <c>sessions</c> was claimed in. A standby that takes over begins another
/// one (a timeline), and may lack the last commits; a database that was restored into another cluster has another one
/// from the beginning. So what the row remembers may be older than what its peer does, and a new epoch must begin.
/// </summary>
internal static class History
{
    /// <summary>
    /// The present one. <c>kept</c> is what a row keeps: without the timeline where each commit waits for a standby,
    /// since then one that takes over lacks nothing.
    /// </summary>
    public const string Here = """
        here AS (
            SELECT c.system, c.system || '/' || c.timeline AS exact,
                CASE WHEN current_setting('synchronous_standby_names') = '' OR current_setting('synchronous_commit') IN ('off', 'local')
                THEN c.system || '/' || c.timeline ELSE c.system END AS kept
            FROM (SELECT system_identifier::text AS system, substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) AS timeline FROM pg_control_system()) c)
        """;

    /// <summary>
    /// Whether the row <c>s</c> is of the present one, <c>h</c>. A row that an older library made does not say.
    /// </summary>
    public const string IsSame = "coalesce(s.history IN (h.system, h.exact), true)";
}
